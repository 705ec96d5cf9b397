import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { posix } from "node:path";
import { fileURLToPath } from "node:url";

const FLOOR = ["api", "shared"];
const PROCESS = [...FLOOR, "claude/protocol", "claude/locate", "claude/process", "claude/signIn"];
const STORES = [...FLOOR, "storage"];

/** Each room of `src/` (a folder or files), and what it may import of ours besides itself. */
export const ROOMS: Record<string, readonly string[]> = {
  api: [],
  shared: [],
  validation: ["api"],
  storage: FLOOR,
  "claude/protocol": FLOOR,
  "claude/locate": FLOOR,
  "claude/process": [...FLOOR, "claude/protocol"],
  "claude/signIn": [...FLOOR, "claude/protocol", "claude/process"],
  "claude/transport": PROCESS,
  "claude/*.ts": [...PROCESS, "claude/transport"],
  "claude/pool": [...PROCESS, "claude/transport", "claude/*.ts"],
  tokens: [...FLOOR, "validation", "claude"],
  messages: [...FLOOR, "validation", "claude", "tokens"],
  models: [...STORES, "claude"],
  files: STORES,
  usage: STORES,
  batches: [...STORES, "validation", "claude", "messages"],
  selfCheck: [...STORES, "claude", "tokens"],
  http: [...STORES, "validation", "claude", "tokens", "messages", "models", "files", "usage", "batches"],
  "options.ts": ["claude/transport"],
  "optionTable.ts": ["options.ts"],
  "server.ts": [
    ...STORES,
    "claude",
    "tokens",
    "messages",
    "models",
    "files",
    "usage",
    "batches",
    "selfCheck",
    "http",
    "options.ts",
  ],
  "client.ts": [],
  "headless.ts": ["shared", "options.ts", "optionTable.ts", "server.ts"],
  extension: [...FLOOR, "options.ts", "optionTable.ts", "server.ts", "client.ts"],
};

/** Patterns of packages that one room alone may import. */
const PACKAGES: Record<string, string> = {
  vscode: "extension",
  "koa*": "http",
  "@koa/**": "http",
  "*child_process": "claude",
};

const root = new URL("../", import.meta.url);
const isFile = (room: string) => room.endsWith(".ts");
const hasFolders = (room: string) =>
  readdirSync(new URL(`src/${room}/`, root), { withFileTypes: true }).some((entry) => entry.isDirectory());

/** The overrides of biome.json that refuse every import which the tables do not list. */
export function importRules() {
  return Object.keys(ROOMS).flatMap((room) => {
    if (isFile(room)) return [rule(room, `src/${room}`, posix.dirname(room), ["./**", "../**"])];
    if (!hasFolders(room)) return [rule(room, `src/${room}/**`, room, ["../**"])];
    return [
      rule(room, `src/${room}/*`, room, ["../**"]),
      rule(room, `src/${room}/*/**`, `${room}/folder`, ["../../**"]),
    ];
  });
}

/** The rule for the files of one folder. Later patterns make exceptions from earlier ones. */
function rule(room: string, includes: string, folder: string, refused: string[]) {
  const others = ROOMS[room] ?? [];
  const allowed = (isFile(room) ? [room, ...others] : others).map((other) => `!${pathFrom(folder, other)}`);
  const packages = Object.keys(PACKAGES).filter((name) => !`${room}/`.startsWith(`${PACKAGES[name]}/`));
  const message = `${room} may import ${others.length > 0 ? others.join(", ") : "nothing else of ours"}: see scripts/importRules.ts.`;
  const options = { patterns: [{ group: [...refused, ...allowed, ...packages], message }] };
  return { includes: [includes], linter: { rules: { style: { noRestrictedImports: { level: "error", options } } } } };
}

function pathFrom(folder: string, room: string): string {
  const path = posix.relative(folder, isFile(room) ? room : `${room}/**`);
  return path.startsWith(".") ? path : `./${path}`;
}

/** Writes the rules to biome.json, below the other overrides. */
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = new URL("biome.json", root);
  const config = JSON.parse(readFileSync(file, "utf8"));
  const others = config.overrides.filter(
    (one: { linter: { rules: { style?: object } } }) => !("noRestrictedImports" in (one.linter.rules.style ?? {})),
  );
  config.overrides = [...others, ...importRules()];
  writeFileSync(file, JSON.stringify(config, null, 2));
}
