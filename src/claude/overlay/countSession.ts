import { randomUUID } from "node:crypto";
import { ApiError } from "../../api/errors.ts";
import type { CliMessage } from "../codec.ts";
import type { ControlRequest } from "../controlChannel.ts";
import type { EncodedJson } from "../encodedJson.ts";
import { parseEnvelope } from "./overlayOutcome.ts";

/** What a count needs of its worker. */
export interface CountLink {
  request(request: ControlRequest): Promise<CliMessage>;
  write(message: CliMessage): void;
}

/** A message as the CLI takes it into its conversation without answering it. */
export interface HistoryMessage {
  role: "user" | "assistant";
  content: unknown;
}

/** A tool as an MCP server lists it. */
export interface CountedTool {
  name: string;
  description: string;
  inputSchema: Record<string, unknown>;
}

/** Tokens as the API's counter told them, each part by a call of its own. */
export interface Usage {
  /** The conversation; while that is empty, the one message `foo`. */
  messages: number;
  /** The system prompt, counted as if it were the text of a user message. */
  system: number;
  /** The one message `foo` with the tools, less what the CLI takes off; 0 also when nothing was left of it. */
  tools: number;
}

/** What the CLI takes off the count of tools (its "overhead"); it tells nothing of tools that cost less. */
export const TOOLS_DISCOUNT_TOKENS = 500;

/**
 * A body that the API refuses, for every Messages call of the process: a count makes none, and should a version of the
 * CLI make one in its place (it has such a fallback for gateways), that must cost nothing. Counts are not touched by it.
 */
const REFUSED_BODY = JSON.stringify({ messages: [] });

const MCP_SERVER_NAME = "tools";
/** Takes all that follows, also past a line separator: to look for an end again and again would take long. */
const COUNT_FAILED_LINE = /countTokens API call failed: (?:(\d{3}) )?(.*)/s;
const ESTIMATED_TEXT = "count unavailable";

/** Fills the conversation of a fresh worker and has the CLI ask the API's free counter about it. */
export class CountSession {
  readonly #link: CountLink;
  readonly #taken = new Map<string, { resolve(): void; reject(error: ApiError): void }>();
  #tools: readonly CountedTool[] | EncodedJson = [];
  #listed: (() => void) | undefined;
  #failure: ApiError | undefined;
  #ended: ApiError | undefined;

  constructor(link: CountLink) {
    this.#link = link;
  }

  /** Chooses the model that counts: an alias or an id. */
  async configure(model: string): Promise<void> {
    const env = {
      CLAUDE_CODE_EXTRA_BODY: REFUSED_BODY,
      CLAUDE_AGENT_SDK_MCP_NO_PREFIX: "1",
      ENABLE_TOOL_SEARCH: "false",
    };
    await this.#link.request({ subtype: "apply_flag_settings", settings: { model, env } });
  }

  /** Replaces the tools that are counted; they get into the CLI as those of an MCP server. */
  async offer(tools: readonly CountedTool[] | EncodedJson): Promise<void> {
    this.#tools = tools;
    await this.#link.request({ subtype: "mcp_set_servers", servers: {} });
    const listed = new Promise<void>((resolve) => {
      this.#listed = resolve;
    });
    await this.#link.request({
      subtype: "mcp_set_servers",
      servers: { [MCP_SERVER_NAME]: { type: "sdk", name: MCP_SERVER_NAME } },
    });
    await listed;
    // connected is what the CLI calls a server whose list it has taken in
    while (!this.#ended && !(await this.#isConnected())) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** Appends a message to the conversation; resolves when it is there, since an assistant's would overtake a user's. */
  async append({ role, content }: HistoryMessage): Promise<void> {
    if (this.#ended) throw this.#ended;
    const uuid = randomUUID();
    const taken = new Promise<void>((resolve, reject) => this.#taken.set(uuid, { resolve, reject }));
    const line = { type: role, uuid, message: { role, content }, parent_tool_use_id: null, session_id: "" };
    this.#link.write(role === "user" ? { ...line, client_composed: true, shouldQuery: false } : line);
    await taken;
  }

  /** Throws `ApiError` with upstream's words when its counter refused, and 503 when it did not count. */
  async measure(): Promise<Usage> {
    const { response } = await this.#link.request({ subtype: "get_context_usage" });
    // its other pipe tells of failures; whatever it wrote there before is read by the time of another answer
    await this.#link.request({ subtype: "mcp_status" });
    if (this.#failure) throw this.#failure;
    const tokens = (id: string) => response?.categories?.find((each: { id?: string }) => each.id === id)?.tokens ?? 0;
    return { messages: tokens("messages"), system: tokens("system_prompt"), tools: tokens("mcp_tools") };
  }

  /** Takes a message of the CLI's stdout. */
  accept(message: CliMessage): void {
    if (message.type === "control_request") this.#answer(message);
    if (message.type !== "command_lifecycle" || message.state === "queued" || message.state === "started") return;
    this.#taken.get(message.command_uuid)?.resolve();
    this.#taken.delete(message.command_uuid);
  }

  /** Takes a line of the CLI's stderr. */
  diagnose(line: string): void {
    const [, status, words = ""] = COUNT_FAILED_LINE.exec(line) ?? [];
    if (words !== "") this.#failure = failureOf(status, words, this.#failure);
    else if (line.includes(ESTIMATED_TEXT)) this.#failure ??= uncounted(line);
  }

  /** Ends the count for good: the worker is gone. */
  fail(error: ApiError): void {
    this.#ended = error;
    this.#listed?.();
    for (const { reject } of this.#taken.values()) reject(error);
  }

  async #isConnected(): Promise<boolean> {
    const { response } = await this.#link.request({ subtype: "mcp_status" });
    return response?.mcpServers?.some(
      ({ name, status }: CliMessage) => name === MCP_SERVER_NAME && status !== "pending",
    );
  }

  /** Answers as the MCP server that has the tools. */
  #answer({ request_id, request }: CliMessage): void {
    const { id, method, params } = request?.message ?? {};
    const results: Record<string, object> = {
      initialize: {
        protocolVersion: params?.protocolVersion,
        capabilities: { tools: {} },
        serverInfo: { name: MCP_SERVER_NAME, version: "1" },
      },
      "tools/list": { tools: this.#tools },
    };
    const mcp_response = { jsonrpc: "2.0", id: id ?? 0, result: results[method] ?? {} };
    const response = { subtype: "success", request_id, response: { mcp_response } };
    this.#link.write({ type: "control_response", response });
    if (method === "tools/list") this.#listed?.();
  }
}

/** Upstream's refusal, if that is what the words are; the first one told stays. */
function failureOf(status: string | undefined, words: string, before: ApiError | undefined): ApiError {
  const envelope = parseEnvelope(words);
  if (before && before.status !== UNCOUNTED_STATUS) return before;
  if (!status || !envelope) return uncounted(words);
  const { type, message } = envelope.error;
  return new ApiError(Number(status), type, message, envelope.request_id ? { requestId: envelope.request_id } : {});
}

const UNCOUNTED_STATUS = 503;

function uncounted(words: string): ApiError {
  return new ApiError(UNCOUNTED_STATUS, "api_error", `The API's counter could not be asked: ${words}`);
}
