import type { Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type CliErrorCode, notSignedIn } from "./api/cliErrors.ts";
import { ApiError } from "./api/errors.ts";
import { DescribedError, describe, type MessageDescriptor } from "./api/messageDescriptors.ts";
import { Batches } from "./batches/batches.ts";
import { defaultBackoff } from "./batches/circuitBreaker.ts";
import { createExecutor } from "./batches/execute.ts";
import { Launcher } from "./claude/launcher.ts";
import { logOverridden } from "./claude/pool/overriddenSignIn.ts";
import { Pool } from "./claude/pool/pool.ts";
import { homeProblem } from "./claude/process/directories.ts";
import type { OwnAddress } from "./claude/process/localServers.ts";
import { isSignedIn } from "./claude/signIn/account.ts";
import { FileStore } from "./files/store.ts";
import { createApp } from "./http/app.ts";
import { type ConnectionBounds, defaultConnectionBounds } from "./http/connections.ts";
import { createHttpServer } from "./http/httpServer.ts";
import { InFlight } from "./http/inFlight.ts";
import { isLoopback } from "./http/middleware/access.ts";
import { preloadResponse } from "./http/preloadResponse.ts";
import {
  closeListeners,
  findForeignService,
  listen,
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
import { TokenCounter } from "./tokens/tokenCounter.ts";
import { Ledger } from "./usage/ledger.ts";

/** Why the CLI cannot answer; `message` is for the user. */
export interface CliProblem {
  code: CliErrorCode | "other";
  message: string;
  /** For translation. */
  descriptor?: MessageDescriptor | undefined;
}

export interface CheckCliOptions {
  /** True asks the CLI again, for example after a sign-in outside the server. */
  afresh?: boolean;
}

export type { DoctorReport };

/** The core, as both entries use it. */
export interface Server {
  /**
   * Starts to listen, and warms the first workers in the background. Rejects with Node's errors, such as `EADDRINUSE`.
   */
  listen(): Promise<void>;
  /**
   * Stops accepting requests and ends all workers. Running requests end with an error; `drain` waits for them instead.
   */
  close(options?: { drain?: boolean }): Promise<void>;
  /** The base URL for clients. Throws before `listen`. */
  readonly url: string;
  readonly running: number;
  /** Calls back whenever that number changes. Returns a function that unsubscribes. */
  onDidChangeRunning(listener: (running: number) => void): () => void;
  cliPath(): string | undefined;
  /** Waits for the CLI to start. Resolves with its problem, if it has one. */
  checkCli(options?: CheckCliOptions): Promise<CliProblem | undefined>;
}

/** Closing waits so long for clients to read the error that ends their answers. */
const CLOSE_GRACE_MS = 2000;

/** Loopback addresses are shared by all accounts of a machine. */
const NO_KEY_WARNING =
  "no API key is required: every account on this machine can use this server, and so your plan or API billing. To require one, run 'claude-virtual-api create-key', or 'Claude Virtual API: Create API Key' in VS Code.";

/** Builds the core. Throws if it would be open to the network without a key. */
export function createServer(options: ServerOptions, sink: Logger): Server {
  requireKeyBeyondLoopback(options);
  const redactor = redactorOf(options);
  const logger = redactor.wrap(sink);
  const launcher = createLauncher(options, redactor, logger, () => addressOf(http, options.host));
  const pool = new Pool(launcher, options, logger);
  const inFlight = new InFlight();
  const stores = createStores(options, pool, logger);
  const { directory, batches, reader, models, counter } = stores;
  const stopping = new AbortController();
  const closing = new AbortController();
  const signals = { stopping: stopping.signal, closing: closing.signal };
  const app = createApp(options, { pool, launcher, inFlight, ...signals, ...stores }, logger);
  const http = createHttpServer(app.callback(), boundsOf(options), logger);

  // for example with too many open files, when Node drops incoming connections
  http.on("error", (error) => http.listening && logger.warn(`dropped an incoming connection: ${error.message}`));

  let second: SecondListener | undefined;

  return {
    async listen() {
      preloadResponse();
      await listen(http, options.port, options.host);
      second = await listenOnOtherLoopback(http, options.host, logger);
      await open(directory, options, logger);
      logger.info(`listening on ${[urlOf(http), second?.url].filter(Boolean).join(" and ")}`);
      // prepares a worker for the first request, and the sign-in for /health
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
      // even with `drain`, a slow upload must not delay the end for long
      void directory.uploads.drain();
      await Promise.all([batches.halt({ drain }), drain && inFlight.idle()]);
      closing.abort();
      counter.close();
      const poolClosed = pool.close();
      // running requests end with an error, which a reading client gets within moments
      await resolvesWithin(CLOSE_GRACE_MS, inFlight.idle());
      http.closeAllConnections();
      await Promise.all([closed, poolClosed]);
      await reader.close();
      await directory.close();
      launcher.close();
      if (listened) logger.info(drain ? "stopped the server that ran before the restart" : "stopped");
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
  const message = `Configure an API key first: listening on ${host} opens the server to other machines.`;
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

function addressOf(http: HttpServer, host: string): OwnAddress | undefined {
  return http.listening ? { host, port: (http.address() as AddressInfo).port } : undefined;
}

/** Opens the data directory. If that fails, logs a missing home, which is the default place of the directory. */
async function open(directory: DataDirectory, { environment }: ServerOptions, logger: Logger): Promise<void> {
  try {
    await directory.open();
  } catch (error) {
    const problem = await homeProblem(environment);
    if (problem) logger.error(problem.text);
    throw error;
  }
}

/** Reports on the CLI for these options. Throws `ApiError` if it does not run. */
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

function redactorOf({ environment, extraEnvironment, apiKey }: ServerOptions): Redactor {
  const redactor = new Redactor();
  redactor.hide([...credentialsOf(environment), ...credentialsOf(extraEnvironment), ...(apiKey ? [apiKey] : [])]);
  return redactor;
}

function boundsOf({ maxConcurrent, maxQueue }: ServerOptions): ConnectionBounds {
  // twice the requests that run or wait, and some: clients keep connections open between requests
  return { ...defaultConnectionBounds, maxConnections: 2 * (maxConcurrent + maxQueue) + 256 };
}

function createStores(options: ServerOptions, pool: Pool, logger: Logger) {
  const directory = new DataDirectory(options.dataDir, logger);
  const quota = new Quota(options.storageQuota);
  const files = new FileStore(directory, quota, options.keepFiles, logger);
  const ledger = new Ledger(directory, logger);
  const memory = new BodyMemory(options);
  const reader = new RequestReader(files, memory, logger);
  const models = new ModelList(pool, options.dataDir, logger);
  const counter = new TokenCounter(pool, options.maxQueue, logger);
  const concurrency = Math.max(1, Math.floor(options.maxConcurrent / 2));
  const execute = createExecutor({ pool, ledger, models, reader, memory }, options.modelMap);
  const readElement = reader.element.bind(reader);
  const batches = new Batches(directory, quota, execute, { concurrency, backoff: defaultBackoff, readElement }, logger);
  for (const store of [ledger, files, batches]) directory.addStore(store);
  const secret = new Secret(options.dataDir);
  return { directory, files, ledger, batches, models, reader, memory, counter, secret };
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
