#!/bin/sh
# Sends a message and prints the answer as JSON.
curl --silent --show-error --fail-with-body "${ANTHROPIC_BASE_URL:-http://127.0.0.1:8080}/v1/messages" \
  -H "x-api-key: ${ANTHROPIC_API_KEY:-any-key}" -H "content-type: application/json" \
  -d '{"model": "sonnet", "max_tokens": 1024, "messages": [{"role": "user", "content": "Hello, Claude"}]}'
