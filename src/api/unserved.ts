const CLAUDE_PLATFORM =
  "this needs Anthropic's servers and an API key of the Claude Platform, which Claude Code does not have.";
const OPENAI = "This server speaks Anthropic's API, not OpenAI's. Use POST /v1/messages.";
const OLLAMA = "This server speaks Anthropic's API, not Ollama's. Use POST /v1/messages.";
const CLOUD =
  "This server speaks Anthropic's own API, not that of Bedrock or Vertex. Set ANTHROPIC_BASE_URL, and no variable of a cloud.";
const CLAUDE_CODE = "Claude Code asks Anthropic for it, never a base URL.";

const managedAgents = `Managed Agents are not served: ${CLAUDE_PLATFORM}`;
const claudeCode = (what: string) => `${what} of Claude Code is not served: ${CLAUDE_CODE}`;

/**
 * Why a known address of Anthropic's, a cloud's or OpenAI's API is not served, by its first word behind `/v1` (Anthropic's API
 * reference and SDK, November 2026).
 */
const REASONS: Record<string, string> = {
  agents: managedAgents,
  sessions: managedAgents,
  environments: managedAgents,
  vaults: managedAgents,
  memory_stores: managedAgents,
  dreams: managedAgents,
  deployments: managedAgents,
  deployment_runs: managedAgents,
  webhooks: managedAgents,
  tunnels: `MCP tunnels are not served: ${CLAUDE_PLATFORM}`,
  skills: `Skills are not served: ${CLAUDE_PLATFORM}`,
  user_profiles: `User profiles are not served: ${CLAUDE_PLATFORM}`,
  organizations:
    "The Admin API is not served, except GET /v1/organizations/me and GET /v1/organizations/usage_report/messages: it needs an admin key of an organization, which Claude Code does not have.",
  compliance: "The Compliance API is not served: it needs a key of an organization, which Claude Code does not have.",
  complete: "Text Completions are not served: Anthropic's current models do not have them. Use POST /v1/messages.",
  experimental: "The experimental prompt tools are not served: Anthropic has retired them.",
  oauth: "Signing in is not served: Claude Code signs in by itself. Run 'claude' in a terminal, then /login.",
  code: claudeCode("The cloud"),
  environment_providers: claudeCode("The cloud"),
  mcp_servers: claudeCode("The list of MCP servers"),
  chat: OPENAI,
  completions: OPENAI,
  responses: OPENAI,
  assistants: OPENAI,
  audio: OPENAI,
  fine_tuning: OPENAI,
  images: OPENAI,
  moderations: OPENAI,
  realtime: OPENAI,
  threads: OPENAI,
  vector_stores: OPENAI,
  embeddings: "Embeddings are not served: Anthropic's API has none.",
  model: CLOUD,
  projects: CLOUD,
};

/** Words behind `/api` that are Ollama's. */
const OLLAMA_WORDS = new Set(["embed", "embeddings", "generate", "ps", "pull", "show", "tags", "version"]);

/** What Claude Code asks Anthropic about its account, beside the API. */
const ACCOUNT = claudeCode("The account service");

export const UNSERVED_RESOURCES: readonly string[] = Object.keys(REASONS);

/** Why this address is not served, if it is a known one of Anthropic's or of another API. */
export function reasonUnserved(path: string): string | undefined {
  const [, first = "", second = ""] = path.toLowerCase().split("/");
  if (first === "api") return OLLAMA_WORDS.has(second) ? OLLAMA : ACCOUNT;
  return first === "v1" && Object.hasOwn(REASONS, second) ? REASONS[second] : undefined;
}
