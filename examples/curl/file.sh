#!/bin/sh
# Uploads a PDF or a text file, asks a question about it, and deletes it: sh file.sh report.pdf
set -e
url="${ANTHROPIC_BASE_URL:-http://127.0.0.1:8080}/v1"
call() { curl --silent --show-error --fail-with-body -H "x-api-key: ${ANTHROPIC_API_KEY:-any-key}" "$@"; }

id=$(call "$url/files" -F "file=@$1" | sed -n 's/.*"id": *"\(file_[^"]*\)".*/\1/p')
test -n "$id"
trap 'call -X DELETE "$url/files/$id" > /dev/null' EXIT
call "$url/messages" -H "content-type: application/json" \
  -d '{"model": "sonnet", "max_tokens": 1024, "messages": [{"role": "user", "content": [
        {"type": "document", "source": {"type": "file", "file_id": "'"$id"'"}},
        {"type": "text", "text": "What does it say?"}]}]}'
