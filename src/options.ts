import { homedir } from "node:os";
import { join } from "node:path";
import type { TransportOption } from "./claude/transportChoice.ts";

/** Everything the core can be told. Only the two entries (headless.ts, extension/) fill it in. */
export interface ServerOptions {
  /** Address to listen on. Anything but a loopback address needs an `apiKey`. */
  host: string;
  /** TCP port; 0 lets the system choose. */
  port: number;
  /** Path of the Claude Code CLI; without it the usual places are searched. */
  claudePath?: string;
  /** Directory for what must outlive a restart. */
  dataDir: string;
  /** Gigabytes that files and the requests of batches may take; 0 for as much as the disk holds. */
  storageQuota: number;
  /** Days after which a file is deleted; 0 for never. */
  keepFiles: number;
  /** The key clients must send; without it any non-empty key is accepted. */
  apiKey?: string;
  /** Requests answered at the same time, and so the most workers that are busy at once. */
  maxConcurrent: number;
  /** Requests that may wait for a worker; beyond it the answer is 529. */
  maxQueue: number;
  /**
   * Bytes of request bodies, beyond small ones, held at once; further ones wait in their sockets, for a minute at most. The
   * files that requests name may take half as much on top.
   */
  maxBodyMemory: number;
  /** Spare workers kept ready: for any request, or on the overlay for the next new system prompt. */
  warm: number;
  /** Milliseconds without work after which a worker beyond the warm ones is let go. */
  idleTimeout: number;
  /** Idle workers that wait for another request or count; the longest idle one goes first. */
  maxIdleWorkers: number;
  /** Bytes that these may have together (Linux and macOS); 0 for no bound. */
  maxIdleMemory: number;
  /** Requests a worker serves before a fresh one takes its place. */
  maxRequestsPerWorker: number;
  /** Resident bytes beyond which a worker is replaced (Linux and macOS). */
  maxWorkerMemory: number;
  /** Resident bytes beyond which a worker is ended in the middle of its answer (Linux and macOS). */
  maxBusyWorkerMemory: number;
  /** Milliseconds without a sign of life after which a busy CLI process is ended. */
  cliSilence: number;
  /** Milliseconds a request may take in all; 0 for as long as it takes. */
  requestTimeout: number;
  /**
   * Milliseconds for which upstream may send nothing, pings included, before an answer is given up: 10,000 to 1,800,000,
   * or 0 for any time. On Bedrock, Vertex and Foundry, whose pings cannot be seen, there is no such bound.
   */
  streamIdleTimeout: number;
  /** Milliseconds for which a client may not read its answer before that is ended; 0 for any time. */
  clientIdleTimeout: number;
  /** Whether request bodies and events are logged, asked for each line, so that it can be switched while it runs. */
  traffic: () => boolean;
  /** Web origins that may call the API from a browser; `*` allows any. */
  allowedOrigins: string[];
  /** Names besides the loopback ones that a `Host` header may carry. */
  allowedHosts: string[];
  /** Names an option in the words of the user's door: a flag, or a setting of VS Code. */
  nameOf: (option: "allowedHosts" | "allowedOrigins") => string;
  /** Model names of clients, each with the alias or model id that is asked for in its place. */
  modelMap: Record<string, string>;
  /** How requests travel to the CLI: `auto` rewrites them where that works. */
  transport: TransportOption;
  /** Whether a version of the CLI is checked before its first use. */
  selfCheck: boolean;
  /** The environment from which the CLI's own is built. */
  environment: NodeJS.ProcessEnv;
  /** Further variables for the CLI, set as they are. */
  extraEnvironment: Record<string, string>;
  /** Variables about proxy and certificates for the CLI, from an editor. The environment and the CLI's settings go first. */
  networkVariables: Record<string, string>;
}

/** The defaults of every option; `environment` stays the entries' to give. */
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
  // an image of 31 MB takes 0.6 GB in a fresh worker, 0.9 GB in one that has had several
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
