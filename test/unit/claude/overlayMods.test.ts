import { expect, it, vi } from "vitest";
import { OverlayMods } from "../../../src/claude/overlay/overlayMods.ts";
import { OverlayTransport } from "../../../src/claude/overlay/overlayTransport.ts";

/** What the CLI logs of our mod where Anthropic's switch is off, and of a mod that it cannot load. */
const SWITCHED_OFF =
  "2026-11-26T07:42:10.739Z [DEBUG] hooks module one-call@inline not loaded: hooks modules are turned off for installed plugins in this process: the rollout switch served off; built-in plugins load regardless";
const BROKEN = "2026-11-26T07:42:10.739Z [DEBUG] hooks module one-call@inline not loaded: broken";
const unmanaged = async () => ({ type: "", response: { sources: [] } });

it("leaves it to settings to keep further calls away where Anthropic has switched mods off", async () => {
  const mods = new OverlayMods(false);
  mods.addDiagnostic(SWITCHED_OFF);
  const organization = { guard: null, settings: [], withoutMods: ["Anthropic's switch"], overrides: [] };
  expect(await mods.require({}, unmanaged)).toEqual(organization);
  expect([mods.areForbidden, mods.needStepMod]).toEqual([true, false]);
});

it("does not serve where the mod is missing for another reason", async () => {
  vi.useFakeTimers();
  try {
    const mods = new OverlayMods(false);
    mods.addDiagnostic(BROKEN);
    const rejected = expect(mods.require({}, unmanaged)).rejects.toThrow("did not load the mod");
    await vi.runAllTimersAsync();
    await rejected;
    expect(mods.areForbidden).toBe(false);
  } finally {
    vi.useRealTimers();
  }
});

it("has settings keep further calls away beside an organization's guard, too", async () => {
  const transport = new OverlayTransport({} as never, true);
  expect(transport.allowsMoreCalls).toBe(false);
  transport.mods.addDiagnostic("[DEBUG] cc-plugin-sec-default@builtin seated outermost: the organization is team");
  expect(transport.allowsMoreCalls).toBe(true);
});
