/** Uploads a PDF or a text file, asks a question about it, and deletes it: `node file.ts report.pdf`. */
import { openAsBlob } from "node:fs";
import { basename } from "node:path";
import Anthropic from "@anthropic-ai/sdk";

const [, , path = ""] = process.argv;
const anthropic = new Anthropic({
  baseURL: process.env.ANTHROPIC_BASE_URL ?? "http://127.0.0.1:8080",
  apiKey: process.env.ANTHROPIC_API_KEY ?? "any-key",
});

const type = path.endsWith(".pdf") ? "application/pdf" : "text/plain";
const file = await anthropic.files.upload({ file: new File([await openAsBlob(path)], basename(path), { type }) });
try {
  const message = await anthropic.messages.create({
    model: "sonnet",
    max_tokens: 1024,
    messages: [
      {
        role: "user",
        content: [
          { type: "document", source: { type: "file", file_id: file.id } },
          { type: "text", text: "What does it say?" },
        ],
      },
    ],
  });
  for (const block of message.content) if (block.type === "text") console.log(block.text);
} finally {
  await anthropic.files.delete(file.id);
}
