import { once } from "node:events";
import Koa from "koa";
import { expect, it, onTestFinished, vi } from "vitest";
import { overloaded, readFailed, storageFailed, wrongKey } from "../../../src/api/errors.ts";
import { DESCRIBE_HEADER } from "../../../src/api/messageDescriptors.ts";
import { errors } from "../../../src/http/middleware/errors.ts";
import type { Logger } from "../../../src/shared/logger.ts";
import { silentLogger } from "../../support/silentLogger.ts";

/** Serves a failure and resolves with the `error` of its envelope. */
async function errorOf(
  failure: Error,
  headers: Record<string, string> = {},
  logger: Logger = silentLogger,
): Promise<Record<string, unknown>> {
  const app = new Koa();
  app.use(errors(logger));
  app.use(() => {
    throw failure;
  });
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as { port: number };
  const response = await fetch(`http://127.0.0.1:${port}/`, { headers });
  return ((await response.json()) as { error: Record<string, unknown> }).error;
}

it("describes an error only to clients that ask for it", async () => {
  const { type, message } = overloaded(3);
  expect(await errorOf(overloaded(3))).toEqual({ type, message });
  const described = { id: "overloaded", values: { waiting: 3 } };
  expect(await errorOf(overloaded(3), { [DESCRIBE_HEADER]: "1" })).toEqual({
    ...{ type, message },
    details: { message: described },
  });
});

it("adds nothing to the API's own errors", async () => {
  const { type, message } = wrongKey();
  expect(await errorOf(wrongKey(), { [DESCRIBE_HEADER]: "1" })).toEqual({ type, message });
});

it("logs the cause of a 500, which the client does not get, but not that of a 529", async () => {
  const error = vi.fn();
  const logger = { ...silentLogger, error };
  const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
  expect(JSON.stringify(await errorOf(storageFailed(full), {}, logger))).not.toContain("ENOSPC");
  expect(error.mock.calls).toEqual([[`GET /: ${full.stack}`]]);
  await errorOf(readFailed(Object.assign(new Error("EMFILE"), { code: "EMFILE" })), {}, logger);
  await errorOf(wrongKey(), {}, logger);
  expect(error).toHaveBeenCalledTimes(1);
});
