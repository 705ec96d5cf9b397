#!/bin/sh
# Creates a batch of two requests, waits for its end and prints the results, one a line.
set -e
url="${ANTHROPIC_BASE_URL:-http://127.0.0.1:8080}/v1/messages/batches"
call() { curl --silent --show-error --fail-with-body -H "x-api-key: ${ANTHROPIC_API_KEY:-any-key}" "$@"; }

id=$(call "$url" -H "content-type: application/json" -d '{"requests": [
  {"custom_id": "red", "params": {"model": "haiku", "max_tokens": 100,
    "messages": [{"role": "user", "content": "Name something red."}]}},
  {"custom_id": "blue", "params": {"model": "haiku", "max_tokens": 100,
    "messages": [{"role": "user", "content": "Name something blue."}]}}]}' |
  sed -n 's/.*"id": *"\(msgbatch_[^"]*\)".*/\1/p')
test -n "$id"
until call "$url/$id" | grep -q '"processing_status": *"ended"'; do sleep 1; done
call "$url/$id/results"
