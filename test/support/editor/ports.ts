import { type AddressInfo, connect, createServer } from "node:net";

export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** True if the port is free. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(false);
    });
    socket.once("error", () => resolve(true));
  });
}

/** The service named by `/health` on this port; `undefined` if there is none. */
export async function serviceOn(port: number): Promise<unknown> {
  const answer = await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined);
  return ((await answer?.json().catch(() => undefined)) as { service?: string } | undefined)?.service;
}
