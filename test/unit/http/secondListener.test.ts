import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it } from "vitest";
import { listenOn } from "../../../src/http/secondListener.ts";

/** A documentation address (RFC 3849) that no machine has, like [::1] without IPv6. */
const NOWHERE = "2001:db8::1";

it("serves one address if the other does not exist, and logs why", async () => {
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
