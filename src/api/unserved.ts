const CLAUDE_PLATFORM =
  "they need Anthropic's servers and an API key of the Claude Platform, which Claude Code does not have.";
const OPENAI = "This server speaks Anthropic's API, not OpenAI's. Use POST /v1/messages.";
const OLLAMA = "This server speaks Anthropic's API, not Ollama's. Use POST /v1/messages.";
const CLOUD =
  "This server speaks Anthropic's API, not that of Bedrock or Vertex. Set ANTHROPIC_BASE_URL, and no cloud variables.";
const CLAUDE_CODE = "Claude Code requests it from Anthropic, never from a base URL.";

const managedAgents = `Managed Agents are not served: ${CLAUDE_PLATFORM}`;
const claudeCode = (what: string) => `${what} of Claude Code is not served: ${CLAUDE_CODE}`;

/**
 * Reasons by the first path segment after `/v1`, for known endpoints of Anthropic (API reference and SDK, November
 * 2026), the clouds and OpenAI.
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

const OLLAMA_WORDS = new Set(["embed", "embeddings", "generate", "ps", "pull", "show", "tags", "version"]);

/** Endpoints that Claude Code calls about its account. */
const ACCOUNT = claudeCode("The account service");

export const UNSERVED_RESOURCES: readonly string[] = Object.keys(REASONS);

/** Undefined for unknown paths. */
export function reasonUnserved(path: string): string | undefined {
  const [, first = "", second = ""] = path.toLowerCase().split("/");
  if (first === "api") return OLLAMA_WORDS.has(second) ? OLLAMA : ACCOUNT;
  return first === "v1" && Object.hasOwn(REASONS, second) ? REASONS[second] : undefined;
}
