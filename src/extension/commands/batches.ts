import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import * as vscode from "vscode";
import { formatFullTime } from "../views/format.ts";
import { copy } from "./copy.ts";
import { confirm, withCancel } from "./dialogs.ts";
import type { Parts } from "./register.ts";

/** Milliseconds that results are kept here after they were last fetched; the server itself keeps them 29 days. */
const KEPT = 30 * 24 * 3600 * 1000;

/** Fetches the results to a file of the extension's own and opens it: one that is open already shows them anew. */
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
    // the same results may be fetched twice at a time, by two windows, too
    const draft = `${path}.${randomUUID()}.part`;
    try {
      await pipeline(results, createWriteStream(draft, { mode: 0o600 }), { signal });
      await rename(draft, path);
    } finally {
      await rm(draft, { force: true });
    }
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

/** Batches may be deleted where nobody sees it, so that old results are let go by their age. */
async function removeOld(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    // a draft of another call may be gone since it was listed
    const found = await stat(path).catch(() => undefined);
    if (found && found.mtimeMs < Date.now() - KEPT) await rm(path, { force: true });
  }
}
