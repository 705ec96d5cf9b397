/** Signs the CLI in as a subscriber, with an invalid token. */
export const SUBSCRIPTION = { ANTHROPIC_API_KEY: "", CLAUDE_CODE_OAUTH_TOKEN: "sk-ant-oat01-dummy" };

/** Headers of a 429 for a subscription's five-hour limit. */
export const usedUp = (resetsAt: number) => ({
  "anthropic-ratelimit-unified-status": "rejected",
  "anthropic-ratelimit-unified-reset": String(resetsAt),
  "anthropic-ratelimit-unified-representative-claim": "five_hour",
  "anthropic-ratelimit-unified-overage-status": "rejected",
  "anthropic-ratelimit-unified-overage-disabled-reason": "out_of_credits",
  "anthropic-ratelimit-unified-5h-utilization": "1.02",
  "anthropic-ratelimit-unified-5h-reset": String(resetsAt),
});

/** Headers of a 429 for too many requests a minute. */
export const TOO_MANY = {
  "retry-after": "17",
  "anthropic-ratelimit-requests-limit": "50",
  "anthropic-ratelimit-requests-remaining": "0",
  "anthropic-ratelimit-requests-reset": "2026-11-22T12:00:00Z",
};

/** Seconds since 1970, `seconds` from now. */
export const secondsFromNow = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;
