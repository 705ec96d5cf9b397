import { afterAll, expect, it } from "vitest";
import type { FileSource } from "../../../src/messages/inlineFiles.ts";
import { ReaderThread } from "../../../src/messages/readerThread.ts";
import { collectGarbage } from "../../support/garbage.ts";

const files = {} as FileSource;
const thread = new ReaderThread();
afterAll(() => thread.close());

it("keeps no result in memory while it waits for the next job", async () => {
  const read = async () => {
    const bytes = new TextEncoder().encode('{"custom_id":"a","params":{}}');
    return new WeakRef((await thread.run({ kind: "element", bytes }, { files })) as object);
  };
  const result = await read();
  await expect
    .poll(() => {
      collectGarbage();
      return result.deref() === undefined;
    })
    .toBe(true);
  expect(thread.isRunning).toBe(true);
});
