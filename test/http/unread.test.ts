import { describe, expect, it } from "vitest";
import { simple, until } from "../support/harness.ts";
import { echo } from "../support/replies.ts";
import { sharedApp } from "../support/sharedApp.ts";
import { longAnswer, unreading } from "../support/unreading.ts";

describe("a client that stops reading", () => {
  const app = sharedApp({ clientIdleTimeout: 400, maxConcurrent: 1 });

  it.each([true, false])("loses its connection, and queued requests are served (stream %s)", async (stream) => {
    app.fakeApi.respond = ({ body }) => (body.messages[0].content === "unread" ? longAnswer() : echo(body));
    app.log.length = 0;
    await unreading(app.url, stream);
    await until(() => app.fakeApi.messages.length === 1);
    const next = await app.post(simple());
    expect(next.status).toBe(200);
    await until(() => app.log.some((line) => line.startsWith("[warn]") && line.includes("did not read its response")));
    expect(app.fakeApi.messages).toHaveLength(2);
    expect(app.log.filter((line) => line.startsWith("[error]"))).toEqual([]);
  });
});
