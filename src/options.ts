import { homedir } from "node:os";
import { join } from "node:path";
import type { TransportOption } from "./claude/transport/transportChoice.ts";

/** Every option of the core. Only the entries (headless.ts, extension/) fill it in. */
export interface ServerOptions {
  /** Address to listen on. Requires `apiKey` unless it is a loopback address. */
  host: string;
  /** TCP port; 0 picks a free one. */
  port: number;
  /** Path of Claude Code. By default the usual places are searched. */
  claudePath?: string;
  /** Directory for data that must survive a restart. */
  dataDir: string;
  /** Gigabytes for files and the requests of batches; 0 for no limit. */
  storageQuota: number;
  /** Days after which a file is deleted; 0 for never. */
  keepFiles: number;
  /** The key that clients must send; by default any. */
  apiKey?: string;
  /** Concurrent requests, each on one worker. */
  maxConcurrent: number;
  /** Requests that may wait for a worker. Further ones get 529. */
  maxQueue: number;
  /**
   * Bytes of request bodies held at once, except small ones. Further bodies wait in their sockets, for a minute at
   * most. Files may take half as much again.
   */
  maxBodyMemory: number;
  /** Spare workers kept ready; on the overlay, for the next new system prompt. */
  warm: number;
  /** Milliseconds after which idle workers end, except for the warm ones. */
  idleTimeout: number;
  /** Idle workers kept for another request or count. */
  maxIdleWorkers: number;
  /** Bytes of all idle workers together (Linux and macOS); 0 for no limit. */
  maxIdleMemory: number;
  /** Requests after which a worker is replaced. */
  maxRequestsPerWorker: number;
  /** Resident bytes beyond which a worker is replaced (Linux and macOS). */
  maxWorkerMemory: number;
  /** Resident bytes beyond which a busy worker is ended (Linux and macOS). */
  maxBusyWorkerMemory: number;
  /** Milliseconds without a sign of life after which a busy CLI is ended. */
  cliSilence: number;
  requestTimeout: number;
  /**
   * Milliseconds without data from upstream, pings included, after which an answer ends: 10,000 to 1,800,000, or 0 for
   * no limit. Not for Bedrock, Vertex and Foundry, whose pings cannot be seen.
   */
  streamIdleTimeout: number;
  /** Milliseconds after which an answer that is not read ends; 0 for no limit. */
  clientIdleTimeout: number;
  /** True logs request bodies and events. May change at run time. */
  traffic: () => boolean;
  /** Web origins that may call the API from a browser; `*` allows any. */
  allowedOrigins: string[];
  /** Accepted `Host` headers, besides the loopback names. */
  allowedHosts: string[];
  /** The flag or the VS Code setting of an option, for error messages. */
  nameOf: (option: "allowedHosts" | "allowedOrigins") => string;
  /** Maps the model names that clients send to aliases or model ids. */
  modelMap: Record<string, string>;
  /** `auto` rewrites requests if possible, else overlays them. */
  transport: TransportOption;
  /** False skips the check of a new version of the CLI. */
  selfCheck: boolean;
  /** The base of the CLI's environment. */
  environment: NodeJS.ProcessEnv;
  /** Additional variables for the CLI. */
  extraEnvironment: Record<string, string>;
  /** The editor's proxy and certificate variables, used if neither the environment nor the CLI's settings have them. */
  networkVariables: Record<string, string>;
}

/** The default of every option but `environment`. */
export const defaultOptions: Omit<ServerOptions, "environment"> = {
  host: "127.0.0.1",
  port: 8080,
  dataDir: join(homedir(), ".claude-virtual-api"),
  storageQuota: 20,
  keepFiles: 0,
  maxConcurrent: 8,
  maxQueue: 256,
  maxBodyMemory: 128 * 1024 * 1024,
  warm: 1,
  idleTimeout: 5 * 60_000,
  maxIdleWorkers: 4,
  maxIdleMemory: 1024 * 1024 * 1024,
  maxRequestsPerWorker: 200,
  maxWorkerMemory: 600 * 1024 * 1024,
  // an image of 31 MB takes 0.6 GB in a fresh worker, 0.9 GB after several
  maxBusyWorkerMemory: 2 * 1024 * 1024 * 1024,
  cliSilence: 60_000,
  requestTimeout: 0,
  streamIdleTimeout: 5 * 60_000,
  clientIdleTimeout: 5 * 60_000,
  traffic: () => false,
  allowedOrigins: [],
  allowedHosts: [],
  nameOf: (option) => `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
  modelMap: {
    "claude-sonnet-4-5-20251101": "sonnet",
    "claude-3-5-haiku-20241022": "haiku",
  },
  transport: "auto",
  selfCheck: true,
  extraEnvironment: {},
  networkVariables: {},
};
