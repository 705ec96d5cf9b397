import type { IncomingMessage } from "node:http";
import { finished, type Readable } from "node:stream";
import { Busboy, type BusboyHeaders, type BusboyInstance, type Dicer } from "@fastify/busboy";
import { invalidRequest } from "../api/errors.ts";
import type { Upload } from "../files/store.ts";

/** A form with a file. `rest` resolves with the other fields once the client has sent everything. */
export interface FileForm {
  upload: Upload;
  rest(): Promise<Record<string, string>>;
}

const INCOMPLETE_BODY = "The request ended before its body was complete.";
const FORM_LIMITS = { fieldSize: 4096, files: 1, parts: 100, headerPairs: 50 };
/** Content type of a part that has none; the file extension then decides. */
const DEFAULT_PART_TYPE = "application/octet-stream";

/**
 * Streams the part `file` to `take` and resolves with its result. Keeps a path in the file name, so that `take` can
 * reject it. Throws `ApiError` 400 for a malformed or incomplete form.
 */
export function receiveFile<T>(request: IncomingMessage, take: (form: FileForm) => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const form = parserFor(request);
    const fields: Record<string, string> = {};
    let content: Readable | undefined;
    let failFields: (error: Error) => void = reject;
    const sent = new Promise<Record<string, string>>((done, fail) => {
      failFields = fail;
      form.once("finish", () => done(fields));
      form.on("error", (error) => fail(invalidRequest(`The multipart body is malformed: ${String(error)}`)));
      // also fires if the client disconnected earlier, or before all its bytes were read
      finished(request, { writable: false }, (error) => error && fail(invalidRequest(INCOMPLETE_BODY)));
    });
    const stop = (error: Error) => {
      request.unpipe(form);
      // some clients read the response only after they have sent everything
      request.resume();
      failFields(error);
      content?.destroy(error);
      reject(error);
    };
    form.on("field", (name, value) => {
      fields[name] = value;
    });
    form.on("file", (name, stream, filename, _encoding, mimeType) => {
      content = stream;
      // `sent` reports the error
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
    // Busboy throws only for this header
    throw invalidRequest("Content-Type must name the boundary of the multipart body.");
  }
}

/** Runs before Busboy reads the headers: it would assume `text/plain`, and has no option for another default. */
function addMissingTypes(form: BusboyInstance): void {
  const { parser } = (form as unknown as { _parser: { parser: Dicer } })._parser;
  parser.prependListener("part", (part) =>
    part.on("header", (header: Record<string, string[]>) => {
      if (!header["content-type"]?.[0]?.trim()) header["content-type"] = [DEFAULT_PART_TYPE];
    }),
  );
}
