import { expect, it } from "vitest";
import { StartupStderr } from "../../../../src/claude/signIn/startupStderr.ts";

function withoutCliWording(...lines: string[]): string | undefined {
  const words = new StartupStderr({ warn: () => {} });
  for (const line of lines) words.add(line);
  return words.organizationRefusal;
}

it("keeps the CLI's message about an organization's settings, without its debug log", () => {
  const debug = "2026-11-26T02:18:33.045Z [DEBUG] managed settings were read";
  expect(withoutCliWording(debug, "something else")).toBeUndefined();
  const reason = "--plugin-dir is disabled by your organization's managed settings (disableSideloadFlags).";
  expect(withoutCliWording("something else", debug, reason, "", debug, "  Ask them.")).toBe(`${reason} Ask them.`);
});

it("adds the name of a setting that the CLI omits", () => {
  const lines = ["This machine requires organization 1-2 but the token could not be validated.", "Try again."];
  expect(withoutCliWording("Unable to verify organization.", ...lines)).toBe(`${lines.join(" ")} (forceLoginOrgUUID)`);
});
