import type { TransportName } from "../../src/claude/transport.ts";
import type { Requested } from "./corpus.ts";

/** What the SDK's types allow and the server refuses, with its words. */
interface Refused {
  what: string;
  matches(body: Requested): boolean;
  status: number;
  message: string;
  /** The transport that does not serve it; both unless it is named. */
  only?: TransportName;
}

/** The whole list: every other request that the types allow is carried. */
export const NOT_SERVED: Refused[] = [
  {
    // the model's work would be billed without a question
    what: "no message at all",
    matches: ({ messages }) => messages.length === 0,
    status: 400,
    message: "messages: at least one message is required",
  },
  {
    // no file has this id; those of the server's own are carried, see test/http/files.test.ts
    what: "a file that does not exist",
    matches: ({ messages }) => JSON.stringify(messages).includes('"type":"file"'),
    status: 404,
    message: "File `file_1` not found.",
  },
  {
    // the CLI breaks off an answer that calls one of their tools
    what: "a server of the MCP connector",
    matches: ({ mcp_servers }) => Array.isArray(mcp_servers) && mcp_servers.length > 0,
    status: 400,
    message: "mcp_servers: not supported by this server, because Claude Code cannot read their calls",
    only: "overlay",
  },
  {
    // a thread stays with the API, and the CLI has no way to it
    what: "a thread",
    matches: ({ thread }) => thread !== undefined && thread !== null,
    status: 400,
    message: "thread: not supported by this server",
  },
];
