import { describe, expect, it } from "vitest";
import { OverlayCountSession } from "../../../src/tokens/overlayCountSession.ts";
import { fakeLink } from "../../support/sessionLink.ts";

/** A session whose CLI replies at once. */
function begin() {
  const asked: string[] = [];
  const request = async ({ subtype }: { subtype: string }) => {
    asked.push(subtype);
    return { type: "success", response: { categories: [{ id: "messages", tokens: 7 }] } };
  };
  return new OverlayCountSession(fakeLink({ request }));
}

const envelope = (message: string) => JSON.stringify({ type: "error", error: { type: "not_found_error", message } });

describe("a failure of the counter", () => {
  it("is read from stderr", async () => {
    const session = begin();
    session.onStderrLine(`[ERROR] countTokens API call failed: 404 ${envelope("model: x")}`);
    await expect(session.measure()).rejects.toMatchObject({
      status: 404,
      type: "not_found_error",
      message: "model: x",
    });
  });

  it("is read if its message holds a line separator and many line starts", async () => {
    const session = begin();
    const message = `${"countTokens API call failed: ".repeat(30_000)}\u2028`;
    session.onStderrLine(`[ERROR] countTokens API call failed: 404 ${envelope(message)}`);
    await expect(session.measure()).rejects.toMatchObject({ status: 404, message });
  });

  it("is not assumed if stderr does not report it", async () => {
    const session = begin();
    session.onStderrLine("[DEBUG] counting");
    expect(await session.measure()).toMatchObject({ messages: 7 });
  });
});
