import { once } from "node:events";
import { parentPort } from "node:worker_threads";
import { parseJson } from "../api/parseJson.ts";
import type { WorkerKey } from "../claude/pool/workerKey.ts";
import { literalOf } from "../claude/protocol/encodedJson.ts";
import { numbersOf } from "../claude/transport/overlay/encodedText.ts";
import { mapParts } from "../tokens/countQuestion.ts";
import { CountReader } from "../tokens/countReader.ts";
import { toBatchLine } from "../validation/batchLine.ts";
import type { CountTokensRequest } from "../validation/countTokensRequest.ts";
import { type FileSource, inlineFiles, namesFiles } from "./inlineFiles.ts";
import type { PreparedTurn } from "./prepare.ts";
import { checkCount, checkMessage, decode, prepareCount, prepareMessage } from "./readRequest.ts";
import {
  deserializeError,
  type FilesPermit,
  type FromThread,
  type Job,
  type NeedsFiles,
  type PreparedBytes,
  serializeError,
  type ThreadCountResult,
  type ToThread,
} from "./threadMessages.ts";

// runs one job at a time, so that its memory is bounded (see `readerThread.ts`)
const port = parentPort;
if (!port) throw new Error("This file is the entry of a thread.");

const send = (message: FromThread, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

/** Asks the server, whose next message is the reply: it sends no other job before this one ends. */
const ask = async (question: FromThread): Promise<unknown> => {
  send(question);
  const [reply] = (await once(port, "message")) as [Exclude<ToThread, { job: Job }>];
  if ("failure" in reply) throw deserializeError(reply.failure);
  return reply.answer;
};

const files: FileSource = {
  get: (id) => ask({ call: "get", argument: id }) as ReturnType<FileSource["get"]>,
  content: async (file) => Buffer.from((await ask({ call: "content", argument: file })) as Uint8Array),
};

/** Returns the job to the server if it needs memory for its files first. */
function lacksMemory(job: Job & { files: FilesPermit }, request: { messages?: unknown }): boolean {
  if (job.files === "held" || !namesFiles(request)) return false;
  send({ result: { unreadBody: job.bytes } satisfies NeedsFiles }, [job.bytes.buffer]);
  return true;
}

const NO_BYTES = new Uint8Array(0);

/** Drops the bytes, which would take as much memory again. */
function textOf(job: Extract<Job, { kind: "element" }>): string {
  const text = decode(job.bytes);
  job.bytes = NO_BYTES;
  return text;
}

const counts = new CountReader();
/** Never aborted: a job that is not wanted any more ends with the thread. */
const { signal } = new AbortController();

type CountJob = Extract<Job, { kind: "count" }>;

async function count(job: CountJob, request: CountTokensRequest): Promise<void> {
  const { model } = request;
  const { modelMap } = job.reading;
  const question = await counts.question(request, modelMap, signal);
  if (!question) {
    send({ result: { model, tokens: await counts.estimate(request, modelMap, signal) } satisfies ThreadCountResult });
    return;
  }
  const transfer = [job.bytes.buffer];
  const encoded = mapParts(question, (part) => {
    const literal = literalOf(part);
    transfer.push(literal.buffer);
    return literal;
  });
  send({ result: { model, question: encoded, body: job.bytes } satisfies ThreadCountResult }, transfer);
}

async function prepareExactCount({ reading }: CountJob, request: CountTokensRequest, text: string): Promise<void> {
  const exact = await prepareCount(request, text, reading, files);
  const instruction = literalOf(exact.instruction);
  send({ result: { model: request.model, exact: { ...exact, instruction } } satisfies ThreadCountResult }, [
    instruction.buffer,
  ]);
}

function sendPrepared(key: WorkerKey, turn: PreparedTurn): void {
  if (turn.transport === "rewrite") {
    const instruction = literalOf(turn.instruction);
    send({ result: { key, turn: { ...turn, instruction } } satisfies PreparedBytes }, [instruction.buffer]);
    return;
  }
  const body = literalOf(JSON.stringify(turn.body));
  const numbers = numbersOf(turn.body);
  send({ result: { key, turn: { ...turn, body, numbers } } satisfies PreparedBytes }, [body.buffer]);
}

async function run(job: Job): Promise<void> {
  switch (job.kind) {
    case "message": {
      const text = decode(job.bytes);
      const { request, facts } = checkMessage(parseJson(text), job.reading);
      send({ facts });
      if (lacksMemory(job, request)) return;
      const { key, turn } = await prepareMessage(request, text, job.reading, files);
      sendPrepared(key, turn);
      return;
    }
    case "count":
    case "estimate": {
      const text = decode(job.bytes);
      const checked = checkCount(parseJson(text), job.reading);
      if (lacksMemory(job, checked)) return;
      if (job.kind === "count" && job.reading.transport === "rewrite") return prepareExactCount(job, checked, text);
      const request = await inlineFiles(checked, files);
      if (job.kind === "count") await count(job, request);
      else send({ result: await counts.estimate(request, job.reading.modelMap, signal) });
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
  if ("job" in message) run(message.job).catch((error) => send({ failure: serializeError(error) }));
});
