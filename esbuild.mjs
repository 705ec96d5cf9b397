import { readFileSync } from "node:fs";
import { chmod, rm } from "node:fs/promises";
import { build } from "esbuild";

const production = process.argv.includes("--production");
const { version } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8"));

/** Keeps the core and the client in bundles of their own, which the doors load at run time, when they need them. */
const loadedLater = {
  name: "loaded-later",
  setup({ onResolve }) {
    onResolve({ filter: /\/(server|client)\.ts$/, namespace: "file" }, ({ path, kind }) =>
      kind === "entry-point" ? undefined : { path: `./${path.match(/\w+(?=\.ts$)/)[0]}.js`, external: true },
    );
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
  build({ ...common, entryPoints: ["src/cli.ts"], plugins: [loadedLater], banner: { js: "#!/usr/bin/env node" } }),
  build({
    ...common,
    entryPoints: { extension: "src/extension/main.ts" },
    plugins: [loadedLater],
    external: ["vscode"],
  }),
]);
await chmod("dist/cli.js", 0o755);
