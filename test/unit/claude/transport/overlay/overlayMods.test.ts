import { expect, it, vi } from "vitest";
import { OverlayMods } from "../../../../../src/claude/transport/overlay/overlayMods.ts";
import { OverlayTransport } from "../../../../../src/claude/transport/overlay/overlayTransport.ts";

/** The CLI's log line for our mod when Anthropic has disabled mods, and for a mod that it cannot load. */
const SWITCHED_OFF =
  "2026-11-26T07:42:10.739Z [DEBUG] hooks module one-call@inline not loaded: hooks modules are turned off for installed plugins in this process: the rollout switch served off; built-in plugins load regardless";
const BROKEN = "2026-11-26T07:42:10.739Z [DEBUG] hooks module one-call@inline not loaded: broken";
const unmanaged = async () => ({ type: "", response: { sources: [] } });

it("prevents further calls by settings if Anthropic has disabled mods", async () => {
  const mods = new OverlayMods(false);
  mods.addStderrLine(SWITCHED_OFF);
  const organization = { guard: null, settings: [], withoutMods: ["Anthropic's switch"], overrides: [] };
  expect(await mods.verify({}, unmanaged)).toEqual(organization);
  expect([mods.areForbidden, mods.needStepMod]).toEqual([true, false]);
});

it("does not serve if the mod is missing for another reason", async () => {
  vi.useFakeTimers();
  try {
    const mods = new OverlayMods(false);
    mods.addStderrLine(BROKEN);
    const rejected = expect(mods.verify({}, unmanaged)).rejects.toThrow("did not load the mod");
    await vi.runAllTimersAsync();
    await rejected;
    expect(mods.areForbidden).toBe(false);
  } finally {
    vi.useRealTimers();
  }
});

it("prevents further calls by settings with an organization's guard", async () => {
  const transport = new OverlayTransport({} as never, true);
  expect(transport.allowsMoreCalls).toBe(false);
  transport.mods.addStderrLine("[DEBUG] cc-plugin-sec-default@builtin seated outermost: the organization is team");
  expect(transport.allowsMoreCalls).toBe(true);
});
