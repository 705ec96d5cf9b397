import { expect, it } from "vitest";
import { LastWords } from "../../../src/claude/lastWords.ts";

it("keeps what the CLI says to a person about an organization's settings, and nothing of its debug log", () => {
  const words = new LastWords();
  words.add("2026-11-26T02:18:33.045Z [DEBUG] managed settings were read");
  words.add("something else");
  expect(words.ofOrganization).toBeUndefined();
  words.add("--plugin-dir is disabled by your organization's managed settings (disableSideloadFlags).");
  words.add("Ask your organization.");
  expect(words.ofOrganization).toMatch(/^--plugin-dir is disabled .*\(disableSideloadFlags\)\.$/);
});
