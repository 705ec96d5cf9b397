import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";
import { defaultOptions } from "../../src/options.ts";
import { scratchDirectory } from "../support/scratch.ts";

/** A server in a new process, which prints the modules of Node that its first answer loads. */
const PROGRAM = `
const { get } = require("node:http");
const [, script, options] = process.argv;
const { createServer } = require(script);
const quiet = () => {};
const logger = { error: quiet, warn: quiet, info: quiet, debug: quiet, trace: quiet };
const server = createServer({ ...JSON.parse(options), traffic: () => false }, logger);
server.listen().then(() => {
  const before = new Set(process.moduleLoadList);
  const answered = () => {
    console.log(JSON.stringify(process.moduleLoadList.filter((name) => !before.has(name))));
    process.exit();
  };
  get(server.url, (response) => response.resume().on("end", answered));
});
`;

// Koa compares bodies with `Response`, for which Node loads its HTTP client. That would block the event loop for 60 ms
it("the first answer does not load Node's HTTP client", () => {
  const dataDir = scratchDirectory();
  const options = { ...defaultOptions, port: 0, dataDir, claudePath: dataDir, selfCheck: false, environment: {} };
  const script = join(import.meta.dirname, "../../dist/server.js");
  const args = ["--eval", PROGRAM, script, JSON.stringify(options)];
  const loaded: string[] = JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" }));
  expect(loaded.filter((name) => name.includes("undici"))).toEqual([]);
});
