import type { Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type CliErrorCode, notSignedIn } from "./api/cliErrors.ts";
import { ApiError } from "./api/errors.ts";
import { DescribedError, describe, type MessageDescriptor } from "./api/messageDescriptors.ts";
import { Batches } from "./batches/batches.ts";
import { defaultBackoff } from "./batches/circuitBreaker.ts";
import { executor } from "./batches/execute.ts";
import { isSignedIn } from "./claude/account.ts";
import { homeProblem } from "./claude/directories.ts";
import { Launcher } from "./claude/launcher.ts";
import type { OwnAddress } from "./claude/localServers.ts";
import { logOverridden } from "./claude/overriddenSignIn.ts";
import { Pool } from "./claude/pool.ts";
import { FileStore } from "./files/store.ts";
import { createApp } from "./http/app.ts";
import { type ConnectionBounds, defaultBounds } from "./http/connections.ts";
import { createHttpServer } from "./http/httpServer.ts";
import { InFlight } from "./http/inFlight.ts";
import { loadResponse } from "./http/loadResponse.ts";
import { isLoopback } from "./http/middleware/access.ts";
import {
  closeListeners,
  findForeignService,
  listening,
  listenOnOtherLoopback,
  type SecondListener,
  urlOf,
} from "./http/secondListener.ts";
import { BodyMemory } from "./messages/bodyMemory.ts";
import { RequestReader } from "./messages/requestReader.ts";
import { ModelList } from "./models/modelList.ts";
import type { ServerOptions } from "./options.ts";
import { CompatibilityGate } from "./selfCheck/compatibilityGate.ts";
import { collectNotes } from "./selfCheck/doctor.ts";
import { type DoctorReport, toReport } from "./selfCheck/doctorNotes.ts";
import type { Logger } from "./shared/logger.ts";
import { credentialsOf, Redactor } from "./shared/redact.ts";
import { resolvesWithin } from "./shared/resolvesWithin.ts";
import { DataDirectory } from "./storage/dataDirectory.ts";
import { Quota } from "./storage/quota.ts";
import { Secret } from "./storage/secret.ts";
import { Ledger } from "./usage/ledger.ts";

/** What keeps the CLI from answering, in words for a person. */
export interface CliProblem {
  code: CliErrorCode | "other";
  message: string;
  /** The message for user interfaces in other languages. */
  descriptor?: MessageDescriptor | undefined;
}

/** How the CLI is asked for its state. */
export interface CheckCliOptions {
  /** Whether it is asked again, after a sign-in outside of the server for instance. */
  afresh?: boolean;
}

export type { DoctorReport };

/** The running core, whichever door it was started through. */
export interface Server {
  /** Starts to listen and warms the first workers in the background. Rejects with Node's `EADDRINUSE` and the like. */
  listen(): Promise<void>;
  /**
   * Stops taking requests and resolves when every worker is gone. Running requests are ended with an error, or with
   * `drain` awaited first.
   */
  close(options?: { drain?: boolean }): Promise<void>;
  /** The base URL clients use. Throws before `listen`. */
  readonly url: string;
  /** Requests being answered. */
  readonly running: number;
  /** Calls back whenever that number changes; returns what ends that. */
  onDidChangeRunning(listener: (running: number) => void): () => void;
  /** Path of the CLI in use; undefined until it was found. */
  cliPath(): string | undefined;
  /** Resolves, some time after `listen`, with what is wrong with the CLI, if anything is. */
  checkCli(options?: CheckCliOptions): Promise<CliProblem | undefined>;
}

/** Milliseconds for which closing waits until open answers have had their last words. */
const CLOSE_GRACE_MS = 2000;

/** Loopback addresses are shared by all accounts of a machine. */
const NO_KEY_WARNING =
  "no API key is required: every account on this machine can use this server, and so your plan or API billing. To require one, run 'claude-virtual-api create-key', or 'Claude Virtual API: Create API Key' in VS Code.";

/** Builds the core from its options. Throws when it would be open to the network without a key. */
export function createServer(options: ServerOptions, sink: Logger): Server {
  requireKeyBeyondLoopback(options);
  const redactor = redactorOf(options);
  const logger = redactor.wrap(sink);
  const launcher = createLauncher(options, redactor, logger, () => addressOf(http, options.host));
  const pool = new Pool(launcher, options, logger);
  const inFlight = new InFlight();
  const stores = createStores(options, pool, logger);
  const { directory, batches, reader, models } = stores;
  /** Aborted when no further request is taken. */
  const stopping = new AbortController();
  /** Aborted when running requests are ended. */
  const closing = new AbortController();
  const signals = { stopping: stopping.signal, closing: closing.signal };
  const app = createApp(options, { pool, launcher, inFlight, ...signals, ...stores }, logger);
  const http = createHttpServer(app.callback(), boundsOf(options), logger);

  // such as too many open files, on which a connection that comes in is dropped
  http.on("error", (error) => http.listening && logger.warn(`a connection could not be taken: ${error.message}`));

  let second: SecondListener | undefined;

  return {
    async listen() {
      loadResponse();
      await listening(http, options.port, options.host);
      second = await listenOnOtherLoopback(http, options.host, logger);
      await open(directory, options, logger);
      logger.info(`listening on ${[urlOf(http), second?.url].filter(Boolean).join(" and ")}`);
      // brings the pool to where the first request finds a worker, and /health the state of the sign-in
      void models.refresh().then(
        () => logOverridden(pool.description, launcher, logger, closing.signal),
        ({ message }: Error) => logger.warn(message),
      );
    },
    async close({ drain = false } = {}) {
      const listened = http.listening;
      const closed = closeListeners(http, second);
      stopping.abort();
      if (!drain) closing.abort();
      // no client that sends slowly delays the end for long, not even where requests are awaited
      void directory.uploads.drain();
      await Promise.all([batches.halt({ drain }), drain && inFlight.idle()]);
      closing.abort();
      const poolClosed = pool.close();
      // what runs ends with an error, which a client that reads has within moments
      await resolvesWithin(CLOSE_GRACE_MS, inFlight.idle());
      http.closeAllConnections();
      await Promise.all([closed, poolClosed]);
      await reader.close();
      await directory.close();
      launcher.close();
      if (listened) logger.info(drain ? "the server before the restart has ended" : "stopped");
    },
    get url() {
      return urlOf(http);
    },
    get running() {
      return inFlight.running;
    },
    onDidChangeRunning: (listener) => inFlight.onChange(listener),
    cliPath: () => launcher.found?.path,
    checkCli: (options) => checkCli(pool, options),
  };
}

function requireKeyBeyondLoopback({ host, apiKey }: ServerOptions): void {
  if (isLoopback(host) || apiKey !== undefined) return;
  const message = `Listening on ${host} opens the server to other machines: configure an API key first.`;
  throw new DescribedError(message, describe("key_required", { host }));
}

function createLauncher(
  options: ServerOptions,
  { hide }: Redactor,
  logger: Logger,
  ownAddress: () => OwnAddress | undefined,
): Launcher {
  const gate = options.selfCheck ? new CompatibilityGate(options, logger) : undefined;
  return new Launcher(options, { logger, hide, ownAddress, ...(gate && { checkCompatibility: gate.check }) });
}

/** Undefined before the server listens and after. */
function addressOf(http: HttpServer, host: string): OwnAddress | undefined {
  return http.listening ? { host, port: (http.address() as AddressInfo).port } : undefined;
}

/** Opens the data directory; where that fails, the log names a home that is missing, in which it is by default. */
async function open(directory: DataDirectory, { environment }: ServerOptions, logger: Logger): Promise<void> {
  try {
    await directory.open();
  } catch (error) {
    const trouble = await homeProblem(environment);
    if (trouble) logger.error(trouble.text);
    throw error;
  }
}

/** What is to be known of the CLI with these options, in lines for a person. Throws `ApiError` when it does not run. */
export async function runDoctor(options: ServerOptions, sink: Logger): Promise<DoctorReport> {
  const redactor = redactorOf(options);
  const { host, port } = options;
  const parts = { logger: redactor.wrap(sink), hide: redactor.hide, ownAddress: () => ({ host, port }) };
  const notes = await collectNotes(options, parts);
  if (options.apiKey === undefined) {
    notes.push({ topic: "access", text: NO_KEY_WARNING, descriptor: describe("key_not_required", {}) });
  }
  const foreign = await findForeignService(host, port);
  if (foreign !== undefined) {
    const descriptor = describe("port_taken_on_ipv6", { place: `[::1]:${port}`, url: `http://127.0.0.1:${port}` });
    notes.push({ topic: "access", text: foreign, descriptor });
  }
  return toReport(notes);
}

/** Hides every credential that the options hold. */
function redactorOf({ environment, extraEnvironment, apiKey }: ServerOptions): Redactor {
  const redactor = new Redactor();
  redactor.hide([...credentialsOf(environment), ...credentialsOf(extraEnvironment), ...(apiKey ? [apiKey] : [])]);
  return redactor;
}

function boundsOf({ maxConcurrent, maxQueue }: ServerOptions): ConnectionBounds {
  // what may be answered or wait, as much again, and some: clients keep connections open between their requests
  return { ...defaultBounds, connections: 2 * (maxConcurrent + maxQueue) + 256 };
}

/** Everything that works on the data directory. */
function createStores(options: ServerOptions, pool: Pool, logger: Logger) {
  const directory = new DataDirectory(options.dataDir, logger);
  const quota = new Quota(options.storageQuota);
  const files = new FileStore(directory, quota, options.keepFiles, logger);
  const ledger = new Ledger(directory, logger);
  const memory = new BodyMemory(options);
  const reader = new RequestReader(files, memory, logger);
  const models = new ModelList(pool, options.dataDir, logger);
  const run = { pool, ledger, models };
  const concurrency = Math.max(1, Math.floor(options.maxConcurrent / 2));
  const execute = executor({ ...run, reader, memory, modelMap: options.modelMap });
  const readElement = reader.element.bind(reader);
  const batches = new Batches(directory, quota, execute, { concurrency, backoff: defaultBackoff, readElement }, logger);
  for (const store of [ledger, files, batches]) directory.addStore(store);
  return { directory, files, ledger, batches, models, run, reader, memory, secret: new Secret(options.dataDir) };
}

async function checkCli(pool: Pool, options?: CheckCliOptions): Promise<CliProblem | undefined> {
  try {
    const description = await pool.describe(options);
    return isSignedIn(description) ? undefined : toProblem(notSignedIn());
  } catch (error) {
    return toProblem(error as Error);
  }
}

function toProblem(error: Error): CliProblem {
  const code = error instanceof ApiError ? error.details?.error_code : undefined;
  const descriptor = error instanceof ApiError ? error.descriptor : undefined;
  return { code: (code as CliErrorCode | undefined) ?? "other", message: error.message, descriptor };
}
