import { describe, expect, it } from "vitest";
import { checkFilename, contentName, mimeTypeOf } from "../../../src/files/metadata.ts";

const refused = (message: string | RegExp) =>
  expect.objectContaining({
    status: 400,
    type: "invalid_request_error",
    message: typeof message === "string" ? message : expect.stringMatching(message),
  });

describe("a file's name", () => {
  it.each([
    "a",
    "report.pdf",
    ".hidden",
    "...",
    "..a",
    "two words (1) #2 é ü 漢字 😀.txt",
    "%2e%2e%2fetc",
    "console.log",
    "nullable",
    "auxiliary.txt",
    "com10",
    "a.con",
    "x".repeat(255),
    "😀".repeat(255),
  ])("may be %j", (name) => {
    expect(() => checkFilename(name)).not.toThrow();
  });

  it.each(['<>:"|?*\\/'.split(""), ["\0", "\x01", "\t", "\n", "\r", "\x1f"]].flat())(
    "must not contain %j",
    (character) => {
      for (const name of [character, `${character}a`, `a${character}`, `a${character}b.txt`]) {
        expect(() => checkFilename(name)).toThrow(refused(/^file: The name of the file must not contain < > : "/));
      }
    },
  );

  it("has 1 to 255 characters", () => {
    expect(() => checkFilename("")).toThrow(refused("file: The file must have a name of at least 1 character"));
    const long = refused("file: The name of the file must have at most 255 characters");
    for (const name of ["x".repeat(256), "x".repeat(300), "😀".repeat(256)]) {
      expect(() => checkFilename(name)).toThrow(long);
    }
  });

  it.each([".", "..", "con", "CON", "Prn.txt", "aux", "NUL", "nul.tar.gz", "com1", "COM9.txt", "lpt1", "LPT9.a"])(
    "must not be %j, which is reserved",
    (name) => {
      expect(() => checkFilename(name)).toThrow(refused(`file: '${name}' is a reserved name`));
    },
  );

  it.each(["../a", "/etc/passwd", "C:\\a", "a/../../b", "..\\a", "a:stream"])("must not be a path: %j", (name) => {
    expect(() => checkFilename(name)).toThrow(refused(/must not contain/));
  });
});

describe("a file's type", () => {
  it.each([
    ["the client's", "a.pdf", "image/png", "image/png"],
    ["the client's, even if unknown", "a.pdf", "application/x-own", "application/x-own"],
    ["plain text if the client says so", "notes.md", "text/plain", "text/plain"],
    ["plain text if the client says so, for data", "data.csv", "text/plain", "text/plain"],
    ["plain text without an extension", "README", "text/plain", "text/plain"],
    ["plain text if the client says so, despite the extension", "a.pdf", "text/plain", "text/plain"],
    ["that of an upper-case extension", "A.PNG", "", "image/png"],
    ["that of the extension, if the client's is generic", "a.pdf", "application/octet-stream", "application/pdf"],
    [
      "that of the extension of a text, if the client's is generic",
      "notes.md",
      "application/octet-stream",
      "text/markdown",
    ],
    ["that of the extension, if the client sent none", "a.webp", "", "image/webp"],
    ["bytes for an unknown extension", "a.unknown-kind", "application/octet-stream", "application/octet-stream"],
    ["bytes without a type or an extension", "README", "", "application/octet-stream"],
  ])("is %s", (_why, name, given, expected) => {
    expect(mimeTypeOf(name, given)).toBe(expected);
  });
});

describe("the stored content", () => {
  it.each([
    ["report.pdf", "content.pdf"],
    ["A.PNG", "content.png"],
    ["a.tar.gz", "content.gz"],
    ["README", "content"],
    [".hidden", "content"],
    ["a.", "content"],
    ["a.what is this", "content"],
    ["a.é", "content"],
    [`a.${"x".repeat(11)}`, "content"],
    ["meta.json", "content.json"],
  ])("of %s is named %s", (filename, expected) => {
    expect(contentName(filename)).toBe(expected);
  });
});
