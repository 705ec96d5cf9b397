import type { TransportName } from "../../src/claude/transport/transport.ts";
import type { Requested } from "./corpus.ts";

/** Requests that the SDK's types allow and the server rejects, with its message. */
interface Refused {
  what: string;
  matches(body: Requested): boolean;
  status: number;
  message: string;
  /** The transport that does not serve it; both if undefined. */
  only?: TransportName;
}

/** The complete list; every other request that the types allow is carried. */
export const NOT_SERVED: Refused[] = [
  {
    // the model's work would be billed without a question
    what: "no message at all",
    matches: ({ messages }) => messages.length === 0,
    status: 400,
    message: "messages: at least one message is required",
  },
  {
    // no file has this id; see test/http/files.test.ts for the server's own files
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
    // a thread stays with the API, out of the CLI's reach
    what: "a thread",
    matches: ({ thread }) => thread !== undefined && thread !== null,
    status: 400,
    message: "thread: not supported by this server",
  },
];
