import { simple } from "../../test/support/harness.ts";

export const MB = 1024 * 1024;

/** Returns the status of a response, with the type of its error. */
export const statusOf = async (answer: Promise<Response>): Promise<string> => {
  const response = await answer;
  const body = await response.text();
  // an error's message is too long for the table
  return response.ok ? `${response.status}` : `${response.status} ${/"type":"(\w+_error)"/.exec(body)?.[1] ?? ""}`;
};

/** Builds a message with an image of this many base64 bytes, without holding it twice. */
export function imageMessage(size: number): string {
  const source = { type: "base64", media_type: "image/png", data: "" };
  const body = JSON.stringify(simple([{ type: "image", source }]));
  return body.replace('"data":""', `"data":"${"iVBORw0KGgo".padEnd(size, "A")}"`);
}
