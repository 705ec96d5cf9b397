/** Variables that sign the CLI in as a subscriber, with a token that is nobody's. */
export const SUBSCRIPTION = { ANTHROPIC_API_KEY: "", CLAUDE_CODE_OAUTH_TOKEN: "sk-ant-oat01-dummy" };

/** What upstream says of a subscription's five-hour limit that is used up, in the headers of a 429. */
export const usedUp = (resetsAt: number) => ({
  "anthropic-ratelimit-unified-status": "rejected",
  "anthropic-ratelimit-unified-reset": String(resetsAt),
  "anthropic-ratelimit-unified-representative-claim": "five_hour",
  "anthropic-ratelimit-unified-overage-status": "rejected",
  "anthropic-ratelimit-unified-overage-disabled-reason": "out_of_credits",
  "anthropic-ratelimit-unified-5h-utilization": "1.02",
  "anthropic-ratelimit-unified-5h-reset": String(resetsAt),
});

/** What upstream says of too many requests a minute. */
export const TOO_MANY = {
  "retry-after": "17",
  "anthropic-ratelimit-requests-limit": "50",
  "anthropic-ratelimit-requests-remaining": "0",
  "anthropic-ratelimit-requests-reset": "2026-11-22T12:00:00Z",
};

/** Seconds since 1970, so many seconds from now. */
export const secondsFromNow = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;
