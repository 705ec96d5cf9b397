import { OPTION_TABLE } from "../optionTable.ts";

/** Every id that package.json contributes; a test keeps the two in step. */
export const SECTION = "claudeVirtualApi";

export const Command = {
  start: `${SECTION}.start`,
  stop: `${SECTION}.stop`,
  restart: `${SECTION}.restart`,
  toggle: `${SECTION}.toggle`,
  sendSelection: `${SECTION}.sendSelection`,
  askAboutSelection: `${SECTION}.askAboutSelection`,
  copyUrl: `${SECTION}.copyUrl`,
  copyEnvironment: `${SECTION}.copyEnvironment`,
  copyCurl: `${SECTION}.copyCurl`,
  signIn: `${SECTION}.signIn`,
  chooseModel: `${SECTION}.chooseModel`,
  createApiKey: `${SECTION}.createApiKey`,
  setApiKey: `${SECTION}.setApiKey`,
  showLog: `${SECTION}.showLog`,
  runSelfCheck: `${SECTION}.runSelfCheck`,
  openWalkthrough: `${SECTION}.openWalkthrough`,
  refreshBatches: `${SECTION}.refreshBatches`,
  openResults: `${SECTION}.openResults`,
  cancelBatch: `${SECTION}.cancelBatch`,
  deleteBatch: `${SECTION}.deleteBatch`,
  copyBatchId: `${SECTION}.copyBatchId`,
  refreshFiles: `${SECTION}.refreshFiles`,
  uploadFile: `${SECTION}.uploadFile`,
  openFile: `${SECTION}.openFile`,
  revealFile: `${SECTION}.revealFile`,
  copyFileId: `${SECTION}.copyFileId`,
  deleteFile: `${SECTION}.deleteFile`,
  loadMore: `${SECTION}.loadMore`,
} as const;

export const View = {
  batches: `${SECTION}.batches`,
  files: `${SECTION}.files`,
} as const;

/** Kinds of view items, for the `when` clauses of their actions. */
export const ItemKind = {
  runningBatch: "batch.running",
  cancelingBatch: "batch.canceling",
  endedBatch: "batch.ended",
  archivedBatch: "batch.archived",
  file: "file",
} as const;

export const Setting = {
  autoStart: "autoStart",
  host: "host",
  port: "port",
  claudePath: "claudePath",
  environment: "environment",
  defaultModel: "defaultModel",
  modelMap: "modelMap",
  maxConcurrentRequests: "maxConcurrentRequests",
  warmWorkers: "warmWorkers",
  idleTimeout: "idleTimeout",
  maxIdleWorkers: "maxIdleWorkers",
  maxIdleMemory: "maxIdleMemory",
  requestTimeout: "requestTimeout",
  streamIdleTimeout: "streamIdleTimeout",
  clientIdleTimeout: "clientIdleTimeout",
  allowedOrigins: "allowedOrigins",
  allowedHosts: "allowedHosts",
  requireApiKey: "requireApiKey",
  traffic: "traffic",
  storageQuota: "storageQuota",
  keepFiles: "keepFiles",
  selectionTarget: "selectionTarget",
} as const;

/** Settings whose change requires a restart of the server; the others are read on use. */
export const SERVER_SETTINGS: readonly string[] = [
  ...OPTION_TABLE.flatMap((row) => (row.setting && row.option !== "traffic" ? [row.setting] : [])),
  Setting.requireApiKey,
];

/** Context key with the kind of the controller's state. */
export const STATE_KEY = `${SECTION}.state`;

/** Context key with the state of the CLI: `unknown`, `ready` or an error code. */
export const CLI_KEY = `${SECTION}.cli`;

/** Context keys with the state of each list: `unknown`, `listed` or `failed`. */
export const ListKey = {
  batches: `${SECTION}.batchList`,
  files: `${SECTION}.fileList`,
} as const;

export const STATUS_ITEM = `${SECTION}.status`;

export const WALKTHROUGH = "claude-virtual-api.claude-virtual-api#claudeVirtualApi.welcome";
