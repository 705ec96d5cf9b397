import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import { simple } from "./harness.ts";
import { eventsFor, pacedReply, text } from "./replies.ts";

/** Far more than the system buffers for a client that does not read. */
export const longAnswer = () => pacedReply(eventsFor([text(`${"x".repeat(1024 * 1024)} `.repeat(8))]));

/** A client that requests a message and does not read the answer. */
export async function unreading(url: string, stream: boolean): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.pause();
  const body = JSON.stringify(simple("unread", { stream }));
  const head = ["POST /v1/messages HTTP/1.1", `Host: ${hostname}:${port}`, "x-api-key: any"];
  head.push("content-type: application/json", `content-length: ${Buffer.byteLength(body)}`);
  socket.write(`${head.join("\r\n")}\r\n\r\n${body}`);
  return socket;
}
