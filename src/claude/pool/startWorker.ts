import type { Launcher } from "../launcher.ts";
import type { CliDescription } from "../signIn/description.ts";
import { TransportUnavailable } from "../transport/transport.ts";
import type { Worker } from "../worker.ts";

interface Started {
  worker: Worker;
  description: CliDescription;
}

/**
 * Starts and initializes a worker outside the pool, a second one if the first lacks a mod. `signal` stops it early.
 * Throws `ApiError` if no CLI is usable.
 */
export async function startWorker(
  launcher: Launcher,
  system: string,
  background = false,
  signal?: AbortSignal,
): Promise<Started> {
  for (let isSecond = false; ; isSecond = true) {
    const transport = await launcher.chooseTransport();
    const worker = await launcher.launch({ transport, background });
    const stop = () => void worker.stop();
    if (signal?.aborted) stop();
    signal?.addEventListener("abort", stop, { once: true });
    try {
      const description = await worker.initialize(transport === "overlay" ? system : "");
      launcher.learnFrom(worker);
      return { worker, description };
    } catch (error) {
      await worker.stop();
      const mayTryAgain = launcher.learnFrom(worker);
      if (!(error instanceof TransportUnavailable) && (!mayTryAgain || isSecond)) throw error;
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }
}
