import { describe, it } from "vitest";
import { fileStage } from "../support/fileStage.ts";
import { expectCarried } from "./carries.ts";
import { CORPUS } from "./corpus.ts";
import { randomRequests } from "./random.ts";

const COMBINATIONS = process.env.CLAUDE_VIRTUAL_API_FULL === "1" ? 200 : 15;

const on = fileStage();

describe.each([false, true])("with stream %s, a request arrives as it was sent:", (stream) => {
  it.each(Object.entries(CORPUS))("%s", (_name, body) => expectCarried(on, body, stream));

  it("combinations of all of it", async () => {
    for (const body of randomRequests(COMBINATIONS, stream ? 1 : 2)) await expectCarried(on, body, stream);
  });
});
