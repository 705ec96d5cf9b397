import { extname } from "node:path";
import { lookup } from "mime-types";
import { z } from "zod";
import { invalidRequest } from "../api/errors.ts";
import { storedCount, storedTime } from "../storage/stored.ts";

/** A stored file as the API tells of it, and as its `meta.json` holds it (contract: "Files"). */
export interface FileMetadata {
  type: "file";
  id: string;
  filename: string;
  mime_type: string;
  size_bytes: number;
  /** RFC 3339. */
  created_at: string;
  downloadable: false;
  /** RFC 3339; null for a file that stays. */
  expires_at: string | null;
}

/** What `meta.json` must hold to be relied on. */
export const storedFile: z.ZodType<FileMetadata> = z.object({
  type: z.literal("file"),
  id: z.string(),
  filename: z.string(),
  mime_type: z.string(),
  size_bytes: storedCount,
  created_at: storedTime,
  downloadable: z.literal(false),
  expires_at: storedTime.nullable(),
});

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones to refuse
const FORBIDDEN_CHARACTERS = /[<>:"|?*\\/\u0000-\u001f]/;
/** Names that mean a device on Windows, or a directory anywhere. */
const RESERVED_NAME = /^(\.\.?|(con|prn|aux|nul|com\d|lpt\d)(\..*)?)$/i;
const MAX_FILENAME_LENGTH = 255;

const UNKNOWN_TYPE = "application/octet-stream";

/** Refuses names that the API refuses (contract: "Files"). Throws `ApiError` 400. */
export function checkFilename(filename: string): void {
  if (filename === "") throw invalidRequest("file: The file must have a name of at least 1 character");
  if ([...filename].length > MAX_FILENAME_LENGTH) {
    throw invalidRequest(`file: The name of the file must have at most ${MAX_FILENAME_LENGTH} characters`);
  }
  if (FORBIDDEN_CHARACTERS.test(filename)) {
    throw invalidRequest('file: The name of the file must not contain < > : " | ? * \\ / or control characters');
  }
  if (RESERVED_NAME.test(filename)) throw invalidRequest(`file: '${filename}' is a reserved name`);
}

/** The type the client gave, else the one of the name's extension. */
export function mimeTypeOf(filename: string, given: string): string {
  return given !== "" && given !== UNKNOWN_TYPE ? given : lookup(filename) || UNKNOWN_TYPE;
}

/** What the content's file is called, so that other programs know what to open it with. */
export function contentName(filename: string): string {
  const extension = extname(filename).toLowerCase();
  return /^\.[a-z0-9]{1,10}$/.test(extension) ? `content${extension}` : "content";
}
