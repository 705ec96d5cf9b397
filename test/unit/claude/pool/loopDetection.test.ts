import { expect, it } from "vitest";
import { isLoop, originOfCount } from "../../../../src/claude/pool/loopDetection.ts";

const OURS = "11111111-0000-4000-8000-000000000001";
const THEIRS = "22222222-0000-4000-8000-000000000002";
const metadata = (session: string) => JSON.stringify({ device_id: "d", account_uuid: "", session_id: session });

const workers = [
  { sessionId: undefined, contentDigest: undefined },
  { sessionId: OURS, contentDigest: "talk" },
];

it.each([
  ["a worker's session in the header", { session: OURS, userId: "a client's", contentDigest: "other" }],
  ["a worker's session in the metadata", { session: THEIRS, userId: metadata(OURS), contentDigest: "other" }],
  ["a worker's session in the metadata alone", { session: "", userId: metadata(OURS), contentDigest: "other" }],
  [
    "another server's session, and messages that a worker has now",
    { session: THEIRS, userId: "x", contentDigest: "talk" },
  ],
])("detects a loop by %s", (_name, origin) => {
  expect(isLoop(workers, origin)).toBe(true);
});

it.each([
  ["a client", { session: "", userId: "a client's", contentDigest: "talk" }],
  ["a client without metadata", { session: "", contentDigest: "talk" }],
  ["Claude Code, though a worker has the same messages", session(THEIRS, metadata(THEIRS), "talk")],
  ["an old Claude Code", session(THEIRS, `user_1_account__session_${THEIRS}`, "talk")],
  ["another server, with other messages", session(THEIRS, "x", "other")],
  ["a body not read yet", { session: THEIRS }],
])("accepts a request of %s", (_name, origin) => {
  expect(isLoop(workers, origin)).toBe(false);
});

function session(name: string, userId: string, contentDigest: string) {
  return { session: name, userId, contentDigest };
}

it("knows no messages of idle workers", () => {
  const idle = [{ sessionId: OURS, contentDigest: undefined }];
  expect(isLoop(idle, { session: THEIRS, userId: "x" })).toBe(false);
});

it("detects a count that came back through another server, but accepts those of Claude Code windows and other clients", () => {
  const counting = [{ sessionId: OURS, contentDigest: "count a" }];
  const isBack = (agent: string, counted: string) =>
    isLoop(counting, { session: THEIRS, ...originOfCount(agent, counted) });
  expect(isBack("claude-cli/2.1.330 (external, sdk-cli)", "count a")).toBe(true);
  // a proxy may remove the session
  const origin = originOfCount("claude-cli/2.1.330 (external, sdk-cli)", "count a");
  expect(isLoop(counting, { session: "", ...origin })).toBe(true);
  expect(isBack("claude-cli/2.1.330 (external, sdk-cli)", "count b")).toBe(false);
  expect(isBack("claude-cli/2.1.330 (external, cli)", "count a")).toBe(false);
  expect(isBack("node", "count a")).toBe(false);
});
