import type { CliMessage } from "./codec.ts";
import type { EncodedJson } from "./encodedJson.ts";

/** `client_composed` keeps the CLI from interpreting commands, mentions and files in the text. */
export function triggerOf(content: string | EncodedJson): CliMessage {
  return {
    type: "user",
    message: { role: "user", content },
    client_composed: true,
    parent_tool_use_id: null,
    session_id: "",
  };
}
