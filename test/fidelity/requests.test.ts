import { describe, it } from "vitest";
import { FULL } from "../support/full.ts";
import { onEachTransport } from "../support/transports.ts";
import { expectCarried, expectTextCarried } from "./carries.ts";
import { CORPUS } from "./corpus.ts";
import { randomRequests } from "./random.ts";
import { DIGEST_LIKE, LARGE, RAW } from "./written.ts";

const corpus = Object.entries(CORPUS);

onEachTransport((how) => {
  const { sampled, transport } = how;

  describe.each([false, true])("with stream %s, a request arrives as it was sent:", (stream) => {
    it.each(stream ? sampled(corpus, 25, 5) : sampled(corpus, corpus.length, 15))("%s", (_name, body) =>
      expectCarried(how, body, stream),
    );

    it("combinations of all of it", async () => {
      const count = FULL ? 200 : transport === "rewrite" ? 8 : 3;
      for (const body of randomRequests(count, stream ? 1 : 2)) await expectCarried(how, body, stream);
    });
  });

  if (transport === "overlay") return;
  it.each(Object.entries({ ...RAW, ...(FULL && LARGE) }))("a text arrives as it was written: %s", (_name, text) =>
    expectTextCarried(how, text),
  );

  it("what looks like a digest of the CLI's is all that is escaped", () => expectTextCarried(how, DIGEST_LIKE));
});
