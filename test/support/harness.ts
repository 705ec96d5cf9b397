import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { defaultOptions, type ServerOptions } from "../../src/options.ts";
import { createServer, type Server } from "../../src/server.ts";
import { claudePath } from "./claude.ts";
import { FakeApi } from "./fakeApi.ts";
import { recordingLogger } from "./recordingLogger.ts";

/** A temporary home that is removed at the end. */
export interface Scratch extends AsyncDisposable {
  home: string;
}

export async function scratchHome(): Promise<Scratch> {
  const home = await mkdtemp(join(tmpdir(), "claude-virtual-api-test-"));
  return {
    home,
    // the CLI may still be writing when it is killed
    [Symbol.asyncDispose]: () => rm(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }),
  };
}

/** The environment of a CLI that calls a fake API, without the machine's sign-in. */
export function cliEnvironment(home: string, fakeApi: FakeApi): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, HOME: home, ANTHROPIC_BASE_URL: fakeApi.url, ANTHROPIC_API_KEY: "sk-test-key" };
}

/** The server in this process, with the real CLI and a fake API. */
export interface App extends AsyncDisposable {
  server: Server;
  fakeApi: FakeApi;
  url: string;
  dataDir: string;
  log: string[];
  /** `fetch` on the server, with a key and the JSON content type. */
  call(path: string, init?: RequestInit): Promise<Response>;
  /** POSTs a body to `/v1/messages`. */
  post(body: unknown, headers?: Record<string, string>, signal?: AbortSignal): Promise<Response>;
}

/** Options of an app's server, or a function that creates them for its fake API. */
export type AppOptions = Partial<ServerOptions> | ((fakeApi: FakeApi) => Partial<ServerOptions>);

export async function startApp(given: AppOptions = {}): Promise<App> {
  const scratch = await scratchHome();
  const fakeApi = await FakeApi.start();
  const options = typeof given === "function" ? given(fakeApi) : given;
  const log: string[] = [];
  const dataDir = options.dataDir ?? join(scratch.home, "data");
  const server = createServer(
    {
      ...defaultOptions,
      port: 0,
      claudePath: claudePath(),
      environment: cliEnvironment(scratch.home, fakeApi),
      selfCheck: false,
      // a spare worker would cost each app the start of another process
      warm: 0,
      ...options,
      dataDir,
    },
    recordingLogger(log),
  );
  await server.listen();
  const { url } = server;
  const call = (path: string, init: RequestInit = {}) =>
    fetch(url + path, {
      ...init,
      headers: { "x-api-key": "any-key", "content-type": "application/json", ...(init.headers as object) },
    });
  return {
    server,
    fakeApi,
    url,
    dataDir,
    log,
    call,
    post: (body, headers = {}, signal = new AbortController().signal) =>
      call("/v1/messages", { method: "POST", headers, body: JSON.stringify(body), signal }),
    async [Symbol.asyncDispose]() {
      await server.close();
      await fakeApi.close();
      await scratch[Symbol.asyncDispose]();
    },
  };
}

/** The answer of `/health`. */
// biome-ignore lint/suspicious/noExplicitAny: tests look at any part of it
export async function health({ url }: { readonly url: string }): Promise<any> {
  return (await fetch(`${url}/health`)).json();
}

/** Without a pause, polling would take a core from the process that it waits for. */
const LOOK_INTERVAL = 10;

/** Waits until `holds` returns true, up to the test's timeout. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await pause(LOOK_INTERVAL);
}

/** The events of an SSE body, in order. */
export async function eventsOf(response: Response): Promise<Record<string, unknown>[]> {
  const body = await response.text();
  return body
    .split("\n\n")
    .filter((frame) => frame !== "")
    .map((frame) => {
      const [event, data] = frame.split("\n") as [string, string];
      const parsed = JSON.parse(data.replace(/^data: /, ""));
      if (event !== `event: ${parsed.type}`) throw new Error(`An event's name is not its type: ${frame}`);
      return parsed;
    });
}

export const simple = (content: unknown = "Hello", extra: object = {}) => ({
  model: "sonnet",
  max_tokens: 100,
  messages: [{ role: "user", content }],
  ...extra,
});
