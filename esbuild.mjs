import { readFileSync } from "node:fs";
import { chmod, rm } from "node:fs/promises";
import { build } from "esbuild";

const production = process.argv.includes("--production");
const { version } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8"));

/** Keeps the core in a bundle of its own: both doors load `dist/server.js` at run time, when they need it. */
const serverStaysApart = {
  name: "server-stays-apart",
  setup({ onResolve }) {
    onResolve({ filter: /\/server\.ts$/ }, () => ({ path: "./server.js", external: true }));
  },
};

const common = {
  bundle: true,
  platform: "node",
  target: "node20.19",
  format: "cjs",
  outdir: "dist",
  define: { __VERSION__: JSON.stringify(version) },
  minify: production,
  sourcemap: production ? false : "linked",
  logLevel: "warning",
};

await rm("dist", { recursive: true, force: true });
await Promise.all([
  build({ ...common, entryPoints: ["src/server.ts", "src/client.ts"] }),
  build({ ...common, entryPoints: ["src/cli.ts"], plugins: [serverStaysApart], banner: { js: "#!/usr/bin/env node" } }),
  build({
    ...common,
    entryPoints: { extension: "src/extension/main.ts" },
    plugins: [serverStaysApart],
    external: ["vscode"],
  }),
]);
await chmod("dist/cli.js", 0o755);
