import { describe, type MessageValue } from "./messageDescriptors.ts";

const FAULTS: Record<string, MessageValue> = {
  ENOENT: describe("directory_missing", {}),
  ENOTDIR: describe("directory_not_a_directory", {}),
  EEXIST: describe("directory_not_a_directory", {}),
  EACCES: describe("directory_write_denied", {}),
  EPERM: describe("directory_write_denied", {}),
  EROFS: describe("directory_read_only", {}),
  ENOSPC: describe("directory_disk_full", {}),
  EDQUOT: describe("directory_quota_used_up", {}),
};

/** By the system's error code; its message if the code is unknown. */
export function describeDirectoryFault(error: unknown): MessageValue {
  const { code = "", message } = error as NodeJS.ErrnoException;
  return FAULTS[code] ?? message;
}
