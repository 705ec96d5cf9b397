import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { createGenerator } from "ts-json-schema-generator";
import type { Requested } from "./corpus.ts";
import { completed, sampleOf } from "./fieldValues.ts";
import { Explorer, type Schema } from "./typeExplorer.ts";

const SDK = dirname(createRequire(import.meta.url).resolve("@anthropic-ai/sdk"));

/** Where the SDK declares a request's types, for both parts of the API. */
const SOURCES = {
  messages: "resources/messages/messages.d.ts",
  "beta.messages": "resources/beta/messages/messages.d.ts",
};

/** A request in the SDK's form: its body, and the fields sent as headers. */
export interface FromTypes {
  name: string;
  body: Requested;
  headers: Record<string, string>;
}

/**
 * Requests that cover every union member and optional field of the SDK's types, one each in an otherwise plain request.
 * Names say where it is.
 */
export function requestsFromTypes(): FromTypes[] {
  const requests = new Map<string, FromTypes>();
  for (const [half, path] of Object.entries(SOURCES)) {
    for (const [name, params] of new Explorer(definitionsOf(path), sampleOf).explore("MessageCreateParams", half)) {
      const request = asSent(completed(params as Requested));
      const content = JSON.stringify(request);
      // streaming and non-streaming parameters have the same other fields
      if (!requests.has(content))
        requests.set(content, { name: name.replace(/: MessageCreateParams\w+/, ""), ...request });
    }
  }
  return [...requests.values()];
}

/** What the SDK makes of its parameters; the test decides about streaming. */
function asSent({ stream: _, betas, user_profile_id, workspace_id, ...body }: Requested): Omit<FromTypes, "name"> {
  return {
    body,
    headers: {
      ...(betas !== undefined && { "anthropic-beta": String(betas) }),
      ...(user_profile_id !== undefined && { "anthropic-user-profile-id": String(user_profile_id) }),
      ...(workspace_id !== undefined && { "anthropic-workspace-id": String(workspace_id) }),
    },
  };
}

function definitionsOf(path: string): Record<string, Schema> {
  const generator = createGenerator({
    path: join(SDK, path),
    type: "MessageCreateParams",
    // checking them would take longer than reading them
    skipTypeCheck: true,
    jsDoc: "none",
  });
  return generator.createSchema("MessageCreateParams").definitions as Record<string, Schema>;
}
