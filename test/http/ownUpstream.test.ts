import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { FULL } from "../support/full.ts";
import {
  cliEnvironment,
  health,
  type Stage,
  type StageOptions,
  scratchHome,
  simple,
  stage,
} from "../support/harness.ts";
import { freePort } from "../support/ports.ts";
import { StandIn } from "../support/standIn.ts";

async function server(options: StageOptions): Promise<Stage> {
  const on = await stage({ warm: 0, maxConcurrent: 2, ...options });
  onTestFinished(() => on[Symbol.asyncDispose]());
  return on;
}

/** A user with these variables in the CLI's own settings, and a sign-in for a stand-in in the environment. */
async function user() {
  const scratch = await scratchHome();
  onTestFinished(() => scratch[Symbol.asyncDispose]());
  const standIn = await StandIn.start();
  onTestFinished(() => standIn.close());
  const path = join(scratch.home, ".claude", "settings.json");
  await mkdir(join(scratch.home, ".claude"));
  const configure = (env: object, more: object = {}) => writeFile(path, JSON.stringify({ ...more, env }));
  return { standIn, path, configure, environment: cliEnvironment(scratch.home, standIn) };
}

/** Requests that take longer have met a loop. */
const bound = () => AbortSignal.timeout(20_000);

describe("a base URL that is this server", () => {
  const forms = ["http://localhost:PORT", "http://[::1]:PORT/v1/", "HTTP://127.0.0.2:PORT/"];
  if (FULL) forms.push("http://127.0.0.1:PORT/v1", "http://0.0.0.0:PORT", "http://claude.localhost:PORT");

  it("is left out of the user's settings in every form, with its key", async () => {
    const { standIn, path, configure, environment } = await user();
    const port = await freePort();
    await configure({});
    const on = await server({ port, environment });
    for (const form of forms) {
      await configure({ ANTHROPIC_BASE_URL: form.replace("PORT", String(port)), ANTHROPIC_API_KEY: "any-key" });
      const response = await on.post(simple("x", { system: form }), {}, bound());
      expect([form, response.status]).toEqual([form, 200]);
    }
    expect(standIn.messages.map(({ headers }) => headers["x-api-key"])).toEqual(forms.map(() => "sk-test-key"));
    const expected = { place: path, names: ["ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY"] };
    expect((await health(on)).left_out).toEqual([expect.objectContaining(expected)]);
    const lines = on.log.filter((line) => line.includes("leads to a Claude Virtual API"));
    expect(lines).toHaveLength(forms.length);
  });

  it("is left out where it is another server of this machine", async () => {
    const { standIn, configure, environment } = await user();
    await configure({});
    const other = await server({});
    await configure({ ANTHROPIC_BASE_URL: other.url, ANTHROPIC_AUTH_TOKEN: "any-key" });
    const on = await server({ environment });
    expect((await on.post(simple(), {}, bound())).status).toBe(200);
    expect(standIn.messages).toHaveLength(1);
    expect(other.standIn.messages).toHaveLength(0);
  });
});
