import { extname } from "node:path";
import { lookup } from "mime-types";
import { z } from "zod";
import { invalidRequest } from "../api/errors.ts";
import { describe } from "../api/messageDescriptors.ts";
import { storedCount, storedTime } from "../storage/jsonFile.ts";

/** A file's metadata, as the API returns it and as `meta.json` stores it (contract: "Files"). */
export interface FileMetadata {
  type: "file";
  id: string;
  filename: string;
  mime_type: string;
  size_bytes: number;
  /** RFC 3339. */
  created_at: string;
  downloadable: false;
  /** RFC 3339; null for a file that never expires. */
  expires_at: string | null;
}

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

// biome-ignore lint/suspicious/noControlCharactersInRegex: file names must not contain them
const FORBIDDEN_CHARACTERS = /[<>:"|?*\\/\u0000-\u001f]/;
/** Device names on Windows, and directory names on any system. */
const RESERVED_NAME = /^(\.\.?|(con|prn|aux|nul|com\d|lpt\d)(\..*)?)$/i;
const MAX_FILENAME_LENGTH = 255;

const UNKNOWN_TYPE = "application/octet-stream";

/** Throws `ApiError` 400 for a name that the API rejects (contract: "Files"). */
export function checkFilename(filename: string): void {
  if (filename === "") throw invalidRequest("file: The file must have a name of at least 1 character");
  if ([...filename].length > MAX_FILENAME_LENGTH) {
    throw invalidRequest(
      `file: The name of the file must have at most ${MAX_FILENAME_LENGTH} characters`,
      undefined,
      describe("file_name_too_long", { maximum: MAX_FILENAME_LENGTH }),
    );
  }
  if (FORBIDDEN_CHARACTERS.test(filename)) {
    throw invalidRequest(
      'file: The name of the file must not contain < > : " | ? * \\ / or control characters',
      undefined,
      describe("file_name_characters", {}),
    );
  }
  if (RESERVED_NAME.test(filename)) {
    const descriptor = describe("file_name_reserved", { name: filename });
    throw invalidRequest(`file: '${filename}' is a reserved name`, undefined, descriptor);
  }
}

/** Returns the type that the client sent, else the one of the file extension. */
export function mimeTypeOf(filename: string, given: string): string {
  return given !== "" && given !== UNKNOWN_TYPE ? given : lookup(filename) || UNKNOWN_TYPE;
}

/** Returns the stored content's file name. It keeps the extension, so that other programs can open the file. */
export function contentName(filename: string): string {
  const extension = extname(filename).toLowerCase();
  return /^\.[a-z0-9]{1,10}$/.test(extension) ? `content${extension}` : "content";
}
