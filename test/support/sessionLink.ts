import { vi } from "vitest";
import type { SessionLink } from "../../src/claude/session.ts";

/** A worker for one session: replies to every request with success, and writes nothing. */
export function fakeLink(parts: Partial<SessionLink> = {}) {
  return {
    ...{ alive: true, served: 0, transport: { mods: { addBypass: vi.fn() } } as unknown as SessionLink["transport"] },
    request: async () => ({ type: "success" }),
    write: vi.fn<SessionLink["write"]>(),
    expectOutput: vi.fn<SessionLink["expectOutput"]>(),
    allowSilence: vi.fn<SessionLink["allowSilence"]>(),
    end: vi.fn<SessionLink["end"]>(),
    ...parts,
  } satisfies SessionLink;
}
