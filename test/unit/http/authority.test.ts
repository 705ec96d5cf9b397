import { describe, expect, it } from "vitest";
import { parseAuthority } from "../../../src/http/authority.ts";

describe("parseAuthority", () => {
  it.each([
    ["localhost", "localhost", undefined],
    ["LocalHost:8080", "localhost", 8080],
    ["127.0.0.1:1", "127.0.0.1", 1],
    ["my_box-1.local:65535", "my_box-1.local", 65_535],
    ["[::1]:8080", "[::1]", 8080],
    ["[0:0:0:0:0:0:0:1]", "[::1]", undefined],
    ["[FD00::A]", "[fd00::a]", undefined],
    ["[::ffff:127.0.0.1]", "[::ffff:7f00:1]", undefined],
  ])("parses %s", (text, name, port) => {
    expect(parseAuthority(text)).toEqual({ name, port });
  });

  it.each([
    ["nothing", ""],
    ["a blank", " localhost"],
    ["a blank in the middle", "localhost :80"],
    ["a user", "evil.example@localhost"],
    ["a user and a password", "evil.example:80@localhost:8080"],
    ["a list", "localhost, evil.example"],
    ["a port too large", "localhost:65536"],
    ["a port of many digits", "localhost:99999999"],
    ["port 0", "localhost:0"],
    ["a port with a leading zero", "localhost:080"],
    ["an empty port", "localhost:"],
    ["two ports", "localhost:80:80"],
    ["a named port", "localhost:http"],
    ["a negative port", "localhost:-1"],
    ["only a port", ":8080"],
    ["a trailing dot", "localhost."],
    ["an empty label", "box..local"],
    ["a leading dot", ".localhost"],
    ["a label that begins with a hyphen", "-box.local"],
    ["a percent sign", "local%68ost"],
    ["a scheme", "http://localhost"],
    ["a path", "localhost/"],
    ["a backslash", "localhost\\evil.example"],
    ["a control character", "localhost\u0001"],
    ["a line break at the end", "localhost\n"],
    ["letters beyond ASCII", "ⓛocalhost"],
    ["a letter whose small form is ASCII", "loc\u212aalhost"],
    ["IPv4 in brackets", "[127.0.0.1]"],
    ["a name in brackets", "[localhost]"],
    ["IPv6 without brackets", "::1"],
    ["IPv6 with a zone", "[fe80::1%25eth0]"],
    ["IPv6 cut off", "[::1"],
    ["too many groups", "[1:2:3:4:5:6:7:8:9]"],
    ["IPv4 of two parts", "127.1"],
    ["IPv4 in hexadecimal", "0x7f.1"],
    ["IPv4 as one number", "2130706433"],
    ["IPv4 with octal parts", "0177.0.0.01"],
    ["IPv4 out of range", "256.0.0.1"],
    ["an endless name", "a.".repeat(5000)],
  ])("rejects %s", (_name, text) => {
    expect(parseAuthority(text)).toBeUndefined();
  });
});
