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

  describe.each([false, true])("with stream %s, a request arrives unchanged:", (stream) => {
    it.each(stream ? sampled(corpus, 25, 5) : sampled(corpus, corpus.length, 15))("%s", (_name, body) =>
      expectCarried(how, body, stream),
    );

    it("combinations of everything", async () => {
      const count = FULL ? 200 : transport === "rewrite" ? 8 : 3;
      for (const body of randomRequests(count, stream ? 1 : 2)) await expectCarried(how, body, stream);
    });
  });

  if (transport === "overlay") return;
  it.each(Object.entries({ ...RAW, ...(FULL && LARGE) }))("a text arrives byte for byte: %s", (_name, text) =>
    expectTextCarried(how, text),
  );

  it("escapes only what looks like the CLI's digest", () => expectTextCarried(how, DIGEST_LIKE));
});
