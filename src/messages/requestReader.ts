import { ApiError, invalidRequest } from "../api/errors.ts";
import { EncodedJson } from "../claude/protocol/encodedJson.ts";
import { EncodedText } from "../claude/transport/overlay/encodedText.ts";
import { bodyOfCountInstruction, bodyOfRewriteInstruction } from "../claude/transport/rewrite/instruction.ts";
import type { TransportName } from "../claude/transport/transport.ts";
import type { RewriteRequest, TurnRequest } from "../claude/transport/turnRequest.ts";
import type { Logger } from "../shared/logger.ts";
import { mapParts } from "../tokens/countQuestion.ts";
import { CountReader } from "../tokens/countReader.ts";
import type { CountRequest } from "../tokens/exactCountSession.ts";
import type { CountableRequest } from "../tokens/tokenCounter.ts";
import type { BatchElement } from "../validation/batchLine.ts";
import type { MessagesRequest } from "../validation/messagesRequest.ts";
import type { BodyMemory } from "./bodyMemory.ts";
import type { Hold } from "./byteBudget.ts";
import { type FileSource, MAX_INLINE_BYTES, namesFiles } from "./inlineFiles.ts";
import { type JobHandlers, ReaderThread } from "./readerThread.ts";
import {
  type CountReadOptions,
  checkCount,
  checkMessage,
  decode,
  type Prepared,
  prepareCount,
  prepareMessage,
  type ReadOptions,
  type RequestFacts,
} from "./readRequest.ts";
import {
  type FilesPermit,
  type Job,
  needsFiles,
  type PreparedBytes,
  type ThreadCountResult,
} from "./threadMessages.ts";

/** A small body is parsed; the bytes of a large one are transferred to the thread. */
export type Body = { value: unknown; text: string } | { bytes: Uint8Array<ArrayBuffer> };

export interface ReadMessage extends RequestFacts {
  /** With the content of its files. Rejects with `ApiError`, and the signal's reason. */
  prepared: Promise<Prepared>;
  /** Prepares it again, for the overlay. Rejects likewise. */
  overlaid(): Promise<Prepared>;
  /** Frees memory. Call once upstream answers or the request fails; may be called again. */
  release(): void;
}

export interface ReadContext {
  /** Ends waiting for memory and for the thread. */
  signal: AbortSignal;
  hold?: Hold | undefined;
}

type JobWithFiles = DistributiveOmit<Extract<Job, { files: FilesPermit }>, "files">;
type DistributiveOmit<T, K extends keyof T> = T extends unknown ? Omit<T, K> : never;

/** Memory for the files of one request: their maximum, until `shrink`. */
interface FileMemory {
  acquire(): Promise<Hold>;
  shrink(bytes: number): void;
  release(): void;
}

/** Reads bodies that are large or name files on a thread, to not block the event loop. */
export class RequestReader {
  readonly #files: FileSource;
  readonly #memory: BodyMemory;
  readonly #logger: Logger;
  readonly #thread: ReaderThread;
  readonly #counts = new CountReader();

  constructor(files: FileSource, memory: BodyMemory, logger: Logger, thread = new ReaderThread()) {
    this.#files = files;
    this.#memory = memory;
    this.#logger = logger;
    this.#thread = thread;
  }

  /** Throws `ApiError` 400, and the signal's reason. */
  async message(body: Body, reading: ReadOptions, context: ReadContext): Promise<ReadMessage> {
    if ("value" in body) {
      const { request, facts } = checkMessage(body.value, reading);
      if (!namesFiles(request)) {
        const prepare = (transport: TransportName) =>
          prepareMessage(request, body.text, { ...reading, transport }, this.#files);
        return {
          ...facts,
          prepared: prepare(reading.transport),
          overlaid: async () => {
            checkMessage(body.value, { ...reading, transport: "overlay" });
            return prepare("overlay");
          },
          release: () => context.hold?.release(),
        };
      }
    }
    const memory = this.#fileMemory(context.signal, reading.inBatch);
    const { signal } = context;
    const read = (bytes: Uint8Array<ArrayBuffer>, how: ReadOptions, onFacts: (facts: RequestFacts) => void) =>
      this.#readWithFiles({ kind: "message", bytes, reading: how }, { signal, onFacts }, memory).then(fromBytes);
    let prepared: Promise<Prepared> | undefined;
    const facts = await new Promise<RequestFacts>((resolve, reject) => {
      prepared = read(bytesOf(body), reading, resolve);
      prepared.catch(reject);
    });
    let held: EncodedJson | undefined;
    const release = () => {
      held?.drop();
      memory.release();
      context.hold?.release();
    };
    const keep = (result: Prepared) => {
      held = encodedPart(result.turn);
      if (held) memory.shrink(held.literal.length);
      return result;
    };
    const kept = (prepared as Promise<Prepared>).then(keep);
    kept.catch(() => {});
    const overlaid = async () => {
      const { turn } = await kept;
      if (turn.transport === "overlay") return kept;
      // its files are inlined by now
      return keep(await read(bodyOfInstruction(turn), { ...reading, transport: "overlay", modelMap: {} }, () => {}));
    };
    return { ...facts, prepared: kept, overlaid, release };
  }

  /** Throws `ApiError`, and the signal's reason. */
  async count(body: Body, reading: CountReadOptions, { signal }: ReadContext): Promise<CountableRequest> {
    const overlaid: CountReadOptions = { ...reading, transport: "overlay" };
    if ("value" in body && !namesFiles(body.value as Partial<MessagesRequest>)) {
      const request = checkCount(body.value, reading);
      const isRewritten = reading.transport === "rewrite";
      const judged = async () => (isRewritten ? checkCount(body.value, overlaid) : request);
      return {
        model: request.model,
        exact: isRewritten ? await prepareCount(request, body.text, reading, this.#files) : undefined,
        question: async () => this.#counts.question(await judged(), reading.modelMap, signal),
        estimate: async () => this.#counts.estimate(await judged(), reading.modelMap, signal),
      };
    }
    const read = (await this.#readCount({ kind: "count", bytes: bytesOf(body), reading }, signal)) as ThreadCountResult;
    if (!("exact" in read)) return this.#overlaidCount(read, reading, signal);
    const exact = { ...read.exact, instruction: new EncodedJson(read.exact.instruction) };
    // its files are inlined by now
    const again = { bytes: () => bodyOfCount(exact), reading: { ...overlaid, modelMap: {} } };
    return {
      model: read.model,
      exact,
      question: async () => {
        const job = { kind: "count" as const, bytes: again.bytes(), reading: again.reading };
        const second = (await this.#readCount(job, signal)) as Exclude<ThreadCountResult, { exact: unknown }>;
        return this.#overlaidCount(second, again.reading, signal).question();
      },
      estimate: () =>
        this.#readCount({ kind: "estimate", bytes: again.bytes(), reading: again.reading }, signal) as Promise<number>,
    };
  }

  #overlaidCount(
    read: Exclude<ThreadCountResult, { exact: unknown }>,
    reading: CountReadOptions,
    signal: AbortSignal,
  ): CountableRequest {
    const { model } = read;
    if ("tokens" in read) {
      return { model, exact: undefined, question: async () => undefined, estimate: async () => read.tokens };
    }
    const question = mapParts(read.question, (part) => new EncodedJson(part as Uint8Array<ArrayBuffer>));
    return {
      model,
      exact: undefined,
      question: async () => question,
      estimate: () => this.#readCount({ kind: "estimate", bytes: read.body, reading }, signal) as Promise<number>,
    };
  }

  /** Parses a large element of a batch. Throws `ApiError` 400, and the signal's reason. */
  async element(bytes: Uint8Array<ArrayBuffer>, signal: AbortSignal): Promise<BatchElement> {
    return (await this.#read({ kind: "element", bytes }, { files: this.#files, signal })) as BatchElement;
  }

  close(): Promise<void> {
    return this.#thread.close();
  }

  async #read(...[job, link]: Parameters<ReaderThread["run"]>): Promise<unknown> {
    try {
      return await this.#thread.run(job, link);
    } catch (error) {
      if (error instanceof ApiError || (error as NodeJS.ErrnoException).code !== "ERR_WORKER_OUT_OF_MEMORY")
        throw error;
      this.#logger.warn("rejected a request body that needed too much memory to read");
      throw invalidRequest("Send a smaller request body: this one needs too much memory to read.");
    }
  }

  /** Runs a job, and again with memory for its files if its body names some. */
  async #readWithFiles(job: JobWithFiles, link: Omit<JobHandlers, "files">, memory: FileMemory): Promise<unknown> {
    const files = this.#files;
    const result = await this.#read({ ...job, files: "not held" }, { ...link, files });
    if (!needsFiles(result)) return result;
    await memory.acquire();
    return this.#read({ ...job, bytes: result.unreadBody, files: "held" }, { ...link, files });
  }

  async #readCount(job: JobWithFiles, signal: AbortSignal): Promise<unknown> {
    const memory = this.#fileMemory(signal, false);
    try {
      return await this.#readWithFiles(job, { signal }, memory);
    } finally {
      memory.release();
    }
  }

  #fileMemory(signal: AbortSignal, inBatch: boolean): FileMemory {
    let held: Promise<Hold> | undefined;
    const shrink = (bytes: number) => {
      // a rejected hold has nothing to return
      held?.then((hold) => hold.shrink(bytes)).catch(() => {});
    };
    return {
      shrink,
      release: () => shrink(0),
      acquire: () => {
        held ??= this.#memory.acquireForFiles(MAX_INLINE_BYTES, signal, inBatch);
        return held;
      },
    };
  }
}

function bytesOf(body: Body): Uint8Array<ArrayBuffer> {
  return "bytes" in body ? body.bytes : new TextEncoder().encode(body.text);
}

function fromBytes(result: unknown): Prepared {
  const { key, turn } = result as PreparedBytes;
  if (turn.transport === "rewrite") return { key, turn: { ...turn, instruction: new EncodedJson(turn.instruction) } };
  const { body, numbers, ...rest } = turn;
  return { key, turn: { ...rest, body: new EncodedText(body, numbers) } };
}

function encodedPart(turn: TurnRequest): EncodedJson | undefined {
  const part = turn.transport === "rewrite" ? turn.instruction : turn.body;
  return part instanceof EncodedJson ? part : undefined;
}

function bodyOfInstruction({ instruction, model }: RewriteRequest): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(bodyOfRewriteInstruction(textOf(instruction), model));
}

function bodyOfCount({ instruction, model }: CountRequest): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(bodyOfCountInstruction(textOf(instruction), model));
}

function textOf(instruction: string | EncodedJson): string {
  return typeof instruction === "string" ? instruction : (JSON.parse(decode(instruction.literal)) as string);
}
