import { randomUUID } from "node:crypto";
import { ApiError } from "../api/errors.ts";
import type { CliMessage } from "../claude/protocol/codec.ts";
import type { ControlRequest } from "../claude/protocol/controlChannel.ts";
import type { EncodedJson } from "../claude/protocol/encodedJson.ts";
import type { Session, SessionLink } from "../claude/session.ts";
import { parseEnvelope } from "../claude/transport/overlay/overlayOutcome.ts";

/** A message that the CLI adds to its conversation without answering it. */
export interface HistoryMessage {
  role: "user" | "assistant";
  content: unknown;
}

export interface CountedTool {
  name: string;
  description: string;
  inputSchema: Record<string, unknown>;
}

/** Token counts from the API's counter, one call each. */
export interface Usage {
  /** The conversation; of the message `foo` if it is empty. */
  messages: number;
  /** The system prompt, counted as the text of a user message. */
  system: number;
  /** The message `foo` with the tools, minus `TOOLS_DISCOUNT_TOKENS`; 0 if less. */
  tools: number;
}

/** The CLI subtracts this "overhead" from the tools' count, so cheaper tools show as 0. */
export const TOOLS_DISCOUNT_TOKENS = 500;

/** The API rejects this body. A count makes no Messages call; if some CLI version did, it must cost nothing. */
const REFUSED_BODY = JSON.stringify({ messages: [] });

const MCP_SERVER_NAME = "tools";
/** Matches to the end of the line, past line separators, to avoid backtracking. */
const COUNT_FAILED_LINE = /countTokens API call failed: (?:(\d{3}) )?(.*)/s;
const ESTIMATED_TEXT = "count unavailable";

export const COUNT_REQUEST_TIMEOUT_S = 60;

/** Fills the conversation of a fresh worker and has the CLI count it, which leaves the worker unfit for anything else. */
export class OverlayCountSession implements Session {
  readonly #link: SessionLink;
  readonly #appending = new Map<string, { resolve(): void; reject(error: ApiError): void }>();
  #tools: readonly CountedTool[] | EncodedJson = [];
  #listed: (() => void) | undefined;
  #failure: ApiError | undefined;
  #ended: ApiError | undefined;

  constructor(link: SessionLink) {
    this.#link = link;
  }

  /** Selects the model that counts, by alias or id. Call first. */
  async configure(model: string): Promise<void> {
    this.#link.expectOutput();
    const env = {
      CLAUDE_CODE_EXTRA_BODY: REFUSED_BODY,
      CLAUDE_AGENT_SDK_MCP_NO_PREFIX: "1",
      ENABLE_TOOL_SEARCH: "false",
    };
    await this.#request({ subtype: "apply_flag_settings", settings: { model, env } });
  }

  /** Replaces the tools to count; the CLI reads them from an MCP server. */
  async offer(tools: readonly CountedTool[] | EncodedJson): Promise<void> {
    this.#tools = tools;
    await this.#request({ subtype: "mcp_set_servers", servers: {} });
    const listed = new Promise<void>((resolve) => {
      this.#listed = resolve;
    });
    await this.#request({
      subtype: "mcp_set_servers",
      servers: { [MCP_SERVER_NAME]: { type: "sdk", name: MCP_SERVER_NAME } },
    });
    await listed;
    // the CLI reports "connected" once it has read the server's list
    while (!this.#ended && !(await this.#isConnected())) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** Resolves when the message is there: an assistant's would otherwise overtake a user's. */
  async append({ role, content }: HistoryMessage): Promise<void> {
    if (this.#ended) throw this.#ended;
    const uuid = randomUUID();
    const taken = new Promise<void>((resolve, reject) => this.#appending.set(uuid, { resolve, reject }));
    const line = { type: role, uuid, message: { role, content }, parent_tool_use_id: null, session_id: "" };
    this.#link.write(role === "user" ? { ...line, client_composed: true, shouldQuery: false } : line);
    await taken;
  }

  /** Throws upstream's error if the counter rejected the request, 503 if it could not be reached. */
  async measure(): Promise<Usage> {
    const { response } = await this.#request({ subtype: "get_context_usage" });
    // failures are on stderr; by the time of another reply, they have been read
    await this.#request({ subtype: "mcp_status" });
    if (this.#failure) throw this.#failure;
    const tokens = (id: string) => response?.categories?.find((each: { id?: string }) => each.id === id)?.tokens ?? 0;
    return { messages: tokens("messages"), system: tokens("system_prompt"), tools: tokens("mcp_tools") };
  }

  accept(message: CliMessage): void {
    if (message.type === "control_request") this.#answer(message);
    if (message.type !== "command_lifecycle" || message.state === "queued" || message.state === "started") return;
    this.#appending.get(message.command_uuid)?.resolve();
    this.#appending.delete(message.command_uuid);
  }

  onStderrLine(line: string): void {
    const [, status, text = ""] = COUNT_FAILED_LINE.exec(line) ?? [];
    if (text !== "") this.#failure = failureOf(status, text, this.#failure);
    else if (line.includes(ESTIMATED_TEXT)) this.#failure ??= uncounted(line);
  }

  fail(error: ApiError): void {
    this.#ended = error;
    this.#listed?.();
    for (const { reject } of this.#appending.values()) reject(error);
  }

  #request(request: ControlRequest): Promise<CliMessage> {
    return this.#link.request(request, COUNT_REQUEST_TIMEOUT_S);
  }

  async #isConnected(): Promise<boolean> {
    const { response } = await this.#request({ subtype: "mcp_status" });
    return response?.mcpServers?.some(
      ({ name, status }: CliMessage) => name === MCP_SERVER_NAME && status !== "pending",
    );
  }

  /** Answers as the MCP server that offers the tools. */
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

/** Upstream's error, if the text is one. The first error wins. */
function failureOf(status: string | undefined, text: string, before: ApiError | undefined): ApiError {
  const envelope = parseEnvelope(text);
  if (before && before.status !== UNCOUNTED_STATUS) return before;
  if (!status || !envelope) return uncounted(text);
  const { type, message } = envelope.error;
  return new ApiError(Number(status), type, message, envelope.request_id ? { requestId: envelope.request_id } : {});
}

const UNCOUNTED_STATUS = 503;

function uncounted(text: string): ApiError {
  return new ApiError(UNCOUNTED_STATUS, "api_error", `The API's token counter could not be reached: ${text}`);
}
