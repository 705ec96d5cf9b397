#!/bin/sh
# Sends a message and prints the events of the answer as they arrive.
curl --silent --show-error --fail-with-body --no-buffer "${ANTHROPIC_BASE_URL:-http://127.0.0.1:8080}/v1/messages" \
  -H "x-api-key: ${ANTHROPIC_API_KEY:-any-key}" -H "content-type: application/json" \
  -d '{"model": "sonnet", "max_tokens": 1024, "stream": true, "messages": [{"role": "user", "content": "Hello, Claude"}]}'
