import type { IncomingMessage } from "node:http";
import { finished, type Readable } from "node:stream";
import { Busboy, type BusboyHeaders, type BusboyInstance, type Dicer } from "@fastify/busboy";
import { invalidRequest } from "../api/errors.ts";
import type { Upload } from "../files/store.ts";

/** What a form with a file in it brings; `rest` resolves with its other fields once everything was sent. */
export interface FileForm {
  upload: Upload;
  rest(): Promise<Record<string, string>>;
}

const INCOMPLETE_BODY = "The request ended before its body was complete.";
const FORM_LIMITS = { fieldSize: 4096, files: 1, parts: 100, headerPairs: 50 };
/** What a part is of that names no type, so that its name tells. */
const DEFAULT_PART_TYPE = "application/octet-stream";

/**
 * Streams the part `file` of a multipart body to `take` and resolves with what that makes of it. The path in a file's
 * name is kept, so that it can be refused. Throws `ApiError` 400 for a form that is none, has no file or breaks off.
 */
export function receiveFile<T>(request: IncomingMessage, take: (form: FileForm) => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const form = parserFor(request);
    const fields: Record<string, string> = {};
    let content: Readable | undefined;
    let breakOff: (error: Error) => void = reject;
    const sent = new Promise<Record<string, string>>((done, fail) => {
      breakOff = fail;
      form.once("finish", () => done(fields));
      form.on("error", (error) => fail(invalidRequest(`The multipart body is malformed: ${String(error)}`)));
      // also where the client left earlier, or after its last byte but before all was read
      finished(request, { writable: false }, (error) => error && fail(invalidRequest(INCOMPLETE_BODY)));
    });
    const stop = (error: Error) => {
      request.unpipe(form);
      // a client may read its answer only after it has sent everything
      request.resume();
      breakOff(error);
      content?.destroy(error);
      reject(error);
    };
    form.on("field", (name, value) => {
      fields[name] = value;
    });
    form.on("file", (name, stream, filename, _encoding, mimeType) => {
      content = stream;
      // what ends the stream early is told by `sent`
      stream.on("error", () => {});
      if (name !== "file") return stop(invalidRequest(`${name}: Extra inputs are not permitted`));
      take({ upload: { filename: filename ?? "", mimeType, content: stream }, rest: () => sent }).then(resolve, stop);
    });
    form.on("filesLimit", () => stop(invalidRequest("file: Only one file may be sent at a time")));
    form.on("partsLimit", () => stop(invalidRequest(`The form must have at most ${FORM_LIMITS.parts} parts`)));
    sent.then(() => !content && stop(invalidRequest("file: Field required")), stop);
    request.pipe(form);
  });
}

function parserFor(request: IncomingMessage): BusboyInstance {
  const type = request.headers["content-type"] ?? "";
  if (!/^multipart\/form-data\b/i.test(type)) throw invalidRequest("Content-Type must be multipart/form-data.");
  try {
    const form = new Busboy({
      headers: request.headers as BusboyHeaders,
      limits: FORM_LIMITS,
      preservePath: true,
      isPartAFile: (name, _type, filename) => filename !== undefined || name === "file",
    });
    addMissingTypes(form);
    return form;
  } catch {
    throw invalidRequest("Content-Type must name the boundary of the multipart body.");
  }
}

/** Busboy calls a part that names no type a plain text, and has no option for it: this gets to the headers first. */
function addMissingTypes(form: BusboyInstance): void {
  const { parser } = (form as unknown as { _parser: { parser: Dicer } })._parser;
  parser.prependListener("part", (part) =>
    part.on("header", (header: Record<string, string[]>) => {
      if (!header["content-type"]?.[0]?.trim()) header["content-type"] = [DEFAULT_PART_TYPE];
    }),
  );
}
