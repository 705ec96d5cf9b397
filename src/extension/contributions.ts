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
  chooseModel: `${SECTION}.chooseModel`,
  setApiKey: `${SECTION}.setApiKey`,
  showLog: `${SECTION}.showLog`,
  openWalkthrough: `${SECTION}.openWalkthrough`,
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
  requestTimeout: "requestTimeout",
  allowedOrigins: "allowedOrigins",
  requireApiKey: "requireApiKey",
  traffic: "traffic",
  selectionTarget: "selectionTarget",
} as const;

/** Settings that a running server was started with; the others are read when they are needed. */
export const SERVER_SETTINGS: readonly string[] = [
  Setting.host,
  Setting.port,
  Setting.claudePath,
  Setting.environment,
  Setting.modelMap,
  Setting.maxConcurrentRequests,
  Setting.warmWorkers,
  Setting.idleTimeout,
  Setting.requestTimeout,
  Setting.allowedOrigins,
  Setting.requireApiKey,
];

/** The context key whose value is the controller's state, for `when` clauses. */
export const STATE_KEY = `${SECTION}.state`;

export const STATUS_ITEM = `${SECTION}.status`;

export const WALKTHROUGH = "claude-virtual-api.claude-virtual-api#claudeVirtualApi.welcome";
