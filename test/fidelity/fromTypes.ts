import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { createGenerator } from "ts-json-schema-generator";
import type { Requested } from "./corpus.ts";
import { completed, sampleOf } from "./fieldValues.ts";
import { Explorer, type Schema } from "./typeExplorer.ts";

const SDK = dirname(createRequire(import.meta.url).resolve("@anthropic-ai/sdk"));

/** Where the SDK has the types of a request, for the two halves of the API. */
const SOURCES = {
  messages: "resources/messages/messages.d.ts",
  "beta.messages": "resources/beta/messages/messages.d.ts",
};

/** A request as the SDK takes it: its body, and the fields that the SDK sends as headers. */
export interface FromTypes {
  name: string;
  body: Requested;
  headers: Record<string, string>;
}

/**
 * Requests that together have every member of every union and every optional field of the SDK's types, each but one of
 * them in a request that is plain otherwise; by names that tell where it stands.
 */
export function requestsFromTypes(): FromTypes[] {
  const requests = new Map<string, FromTypes>();
  for (const [half, path] of Object.entries(SOURCES)) {
    for (const [name, params] of new Explorer(definitionsOf(path), sampleOf).explore("MessageCreateParams", half)) {
      const request = asSent(completed(params as Requested));
      const content = JSON.stringify(request);
      // both kinds of parameters, streaming and not, have the same fields besides
      if (!requests.has(content))
        requests.set(content, { name: name.replace(/: MessageCreateParams\w+/, ""), ...request });
    }
  }
  return [...requests.values()];
}

/** What the SDK makes of its parameters; whether the answer is streamed is up to the test. */
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
    // to check them would take longer than to read them
    skipTypeCheck: true,
    jsDoc: "none",
  });
  return generator.createSchema("MessageCreateParams").definitions as Record<string, Schema>;
}
