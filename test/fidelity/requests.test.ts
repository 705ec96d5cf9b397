import { describe, it } from "vitest";
import { fileStage } from "../support/fileStage.ts";
import { FULL, QUICK, sampled } from "../support/full.ts";
import { expectCarried } from "./carries.ts";
import { CORPUS } from "./corpus.ts";
import { randomRequests } from "./random.ts";

const COMBINATIONS = FULL ? 200 : QUICK ? 4 : 8;

const on = fileStage();

describe.each([false, true])("with stream %s, a request arrives as it was sent:", (stream) => {
  const corpus = Object.entries(CORPUS);
  it.each(stream ? sampled(corpus, 25, 8) : sampled(corpus, corpus.length, 25))("%s", (_name, body) =>
    expectCarried(on, body, stream),
  );

  it("combinations of all of it", async () => {
    for (const body of randomRequests(COMBINATIONS, stream ? 1 : 2)) await expectCarried(on, body, stream);
  });
});
