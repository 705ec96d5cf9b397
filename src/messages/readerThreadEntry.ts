import { parentPort } from "node:worker_threads";
import { toBatchLine } from "../api/batchLine.ts";
import { parseJson } from "../api/parseJson.ts";
import { literalOf, numbersOf } from "../claude/encodedText.ts";
import { type FileSource, namesFiles, withFiles } from "./fileSources.ts";
import { checkCount, checkMessage, decode, prepareMessage } from "./readRequest.ts";
import {
  type FilesNamed,
  type FilesPermit,
  type FromThread,
  type Job,
  type PreparedBytes,
  type ToThread,
  toError,
  toFailure,
} from "./threadMessages.ts";

// runs one job at a time, so that its memory is bounded (see `readerThread.ts`)
const port = parentPort;
if (!port) throw new Error("This file is the entry of a thread.");

const send = (message: FromThread, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

let answered: { resolve(value: unknown): void; reject(error: Error): void } | undefined;

/** Asks the server for a file, one at a time. */
const ask = (question: FromThread) =>
  new Promise<unknown>((resolve, reject) => {
    answered = { resolve, reject };
    send(question);
  });

const files: FileSource = {
  get: (id) => ask({ call: "get", argument: id }) as ReturnType<FileSource["get"]>,
  content: async (file) => Buffer.from((await ask({ call: "content", argument: file })) as Uint8Array),
};

/** Whether the job must be given back until there is memory for its files. */
function lacksMemory(job: Job & { files: FilesPermit }, request: { messages?: unknown }): boolean {
  if (job.files === "held" || !namesFiles(request)) return false;
  send({ result: { named: job.bytes } satisfies FilesNamed }, [job.bytes.buffer]);
  return true;
}

const NO_BYTES = new Uint8Array(0);

/** The text of an element. Drops its bytes, which would take as much memory again. */
function textOf(job: Extract<Job, { kind: "element" }>): string {
  const text = decode(job.bytes);
  job.bytes = NO_BYTES;
  return text;
}

async function run(job: Job): Promise<void> {
  switch (job.kind) {
    case "message": {
      const { request, facts } = checkMessage(parseJson(decode(job.bytes)), job.reading);
      send({ facts });
      if (lacksMemory(job, request)) return;
      const { key, turn } = await prepareMessage(request, job.reading, files);
      const body = literalOf(JSON.stringify(turn.body));
      const result: PreparedBytes = { key, turn: { ...turn, body, numbers: numbersOf(turn.body) } };
      send({ result }, [body.buffer]);
      return;
    }
    case "count": {
      const request = checkCount(parseJson(decode(job.bytes)), job.version);
      if (!lacksMemory(job, request)) send({ result: await withFiles(request, files) });
      return;
    }
    case "element": {
      const line = toBatchLine(textOf(job));
      send({ result: line }, line.line ? [line.line.buffer] : []);
      return;
    }
  }
}

port.on("message", (message: ToThread) => {
  if ("job" in message) run(message.job).catch((error) => send({ failure: toFailure(error) }));
  else if ("failure" in message) answered?.reject(toError(message.failure));
  else answered?.resolve(message.answer);
});
