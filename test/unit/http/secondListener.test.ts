import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it } from "vitest";
import { listenOn } from "../../../src/http/secondListener.ts";

/** An address of no machine (RFC 3849), like [::1] where there is no IPv6. */
const NOWHERE = "2001:db8::1";

it("goes on with one address where the other does not exist, which the log says", async () => {
  const log: string[] = [];
  const note = (message: string) => void log.push(message);
  const http = createServer();
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  try {
    const { port } = http.address() as AddressInfo;
    const logger = { error: note, warn: note, info: note, debug: note, trace: note };
    expect(await listenOn(http, NOWHERE, logger)).toBeUndefined();
    expect(log).toEqual([
      expect.stringMatching(`^not listening on \\[${NOWHERE}\\]:${port}: .*(EADDRNOTAVAIL|EAFNOSUPPORT)`),
    ]);
  } finally {
    http.close();
  }
});
