import { describe, expect, it } from "vitest";
import { fileStage } from "../support/fileStage.ts";
import { simple, until } from "../support/harness.ts";
import { echo } from "../support/replies.ts";
import { longAnswer, unreading } from "../support/unreading.ts";

describe("a client that stops reading", () => {
  const on = fileStage({ clientIdleTimeout: 400, maxConcurrent: 1 });

  it.each([true, false])("loses its connection, and queued requests are served (stream %s)", async (stream) => {
    on.standIn.respond = ({ body }) => (body.messages[0].content === "unread" ? longAnswer() : echo(body));
    on.log.length = 0;
    await unreading(on.url, stream);
    await until(() => on.standIn.messages.length === 1);
    const next = await on.post(simple());
    expect(next.status).toBe(200);
    await until(() => on.log.some((line) => line.startsWith("[warn]") && line.includes("did not read its response")));
    expect(on.standIn.messages).toHaveLength(2);
    expect(on.log.filter((line) => line.startsWith("[error]"))).toEqual([]);
  });
});
