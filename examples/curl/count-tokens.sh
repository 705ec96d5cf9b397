#!/bin/sh
# Counts the tokens of a request. The header claude-virtual-api-token-count says how far to trust the number.
curl --silent --show-error --fail-with-body --include \
  "${ANTHROPIC_BASE_URL:-http://127.0.0.1:8080}/v1/messages/count_tokens" \
  -H "x-api-key: ${ANTHROPIC_API_KEY:-any-key}" -H "content-type: application/json" \
  -d '{"model": "sonnet", "messages": [{"role": "user", "content": "Hello, Claude"}]}'
