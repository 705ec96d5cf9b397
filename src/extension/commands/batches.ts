import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import * as vscode from "vscode";
import { DAY_MS } from "../../shared/clock.ts";
import { placeFile } from "../../shared/placeFile.ts";
import { formatFullTime } from "../views/format.ts";
import { copy } from "./copy.ts";
import { confirm, withCancel } from "./dialogs.ts";
import type { Parts } from "./register.ts";

/** Age at which fetched results are deleted; the server itself keeps results for 29 days. */
const RESULTS_MAX_AGE_MS = 30 * DAY_MS;

/** Fetches the results into a file and opens it. An editor that already shows the file reloads it. */
export async function openResults({ serverClient, settings, views }: Parts, argument: unknown): Promise<void> {
  const batch = views.batches.list.entryOf(argument);
  if (!batch) return;
  const folder = resultsFolder(settings.dataDir);
  const path = resultsPath(folder, batch.id);
  await withCancel(vscode.l10n.t("Fetching the results"), async (signal) => {
    const client = await serverClient.client();
    const results = await client.batchResults(batch.id, signal);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await removeOld(folder);
    // another call or window may fetch the same results at the same time
    await placeFile(path, (file) => pipeline(results, file.createWriteStream(), { signal }));
    await vscode.commands.executeCommand("vscode.open", vscode.Uri.file(path));
  });
}

export async function cancelBatch({ serverClient, views }: Parts, argument: unknown): Promise<void> {
  const { list } = views.batches;
  const batch = list.entryOf(argument);
  if (batch) list.put(await (await serverClient.client()).cancelBatch(batch.id));
}

export async function deleteBatch({ serverClient, settings, views }: Parts, argument: unknown): Promise<void> {
  const { list } = views.batches;
  const batch = list.entryOf(argument);
  if (!batch) return;
  const question = vscode.l10n.t("Delete the batch of {0}?", formatFullTime(batch.created_at));
  if (!(await confirm(question, `${batch.id}\n${vscode.l10n.t("Its results will be deleted as well.")}`))) return;
  await (await serverClient.client()).deleteBatch(batch.id);
  list.remove(batch.id);
  await rm(resultsPath(resultsFolder(settings.dataDir), batch.id), { force: true });
}

export async function copyBatchId({ views }: Parts, argument: unknown): Promise<void> {
  const batch = views.batches.list.entryOf(argument);
  if (batch) await copy(batch.id);
}

function resultsFolder(dataDir: string): string {
  return join(dataDir, "results");
}

function resultsPath(folder: string, id: string): string {
  return join(folder, `${encodeURIComponent(id)}.jsonl`);
}

/** Deletes old results by their age, because no window may notice that a batch was deleted. */
async function removeOld(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    // another call may have renamed or deleted its draft since
    const found = await stat(path).catch(() => undefined);
    if (found && found.mtimeMs < Date.now() - RESULTS_MAX_AGE_MS) await rm(path, { force: true });
  }
}
