import { readdirSync, readFileSync } from "node:fs";
import { chmod, rm, writeFile } from "node:fs/promises";
import { build, context } from "esbuild";

// `--production` minifies; `--watch` builds again whenever a source changes
const production = process.argv.includes("--production");
const watching = process.argv.includes("--watch");
const { version } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8"));

/** Keeps what is large and not needed at once in bundles of their own, which are loaded at run time, when they are. */
const loadedLater = {
  name: "loaded-later",
  setup({ onResolve }) {
    onResolve({ filter: /\/(server|client|tokenizer)\.ts$/, namespace: "file" }, ({ path, kind }) =>
      kind === "entry-point" ? undefined : { path: `./${path.match(/\w+(?=\.ts$)/)[0]}.js`, external: true },
    );
  },
};

const URL_OF_BUNDLE = 'const bundleUrl = require("node:url").pathToFileURL(__filename).href;';

const common = {
  bundle: true,
  platform: "node",
  target: "node20.19",
  format: "cjs",
  outdir: "dist",
  // a bundle of CommonJS has no import.meta, and a thread is started from the file beside it
  define: { __VERSION__: JSON.stringify(version), "import.meta.url": "bundleUrl" },
  banner: { js: URL_OF_BUNDLE },
  minify: production,
  sourcemap: production ? false : "linked",
  logLevel: "warning",
  metafile: true,
};

/** The licences of every package that went into a bundle, as one text. */
function thirdPartyNotices(results) {
  const inputs = results.flatMap(({ metafile }) => Object.keys(metafile.inputs));
  const folders = new Set(inputs.flatMap((path) => path.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/) ?? []));
  const notices = [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    return `${name} ${version} (${license})\n\n${file ? readFileSync(`${folder}/${file}`, "utf8").trim() : ""}\n`;
  });
  return `Claude Virtual API contains the following third-party software.\n\n${notices.join(`\n${"-".repeat(80)}\n\n`)}`;
}

/** @type {import("esbuild").BuildOptions[]} */
const bundles = [
  { ...common, entryPoints: ["src/server.ts", "src/client.ts"], plugins: [loadedLater] },
  { ...common, entryPoints: ["src/tokens/tokenizer.ts"] },
  {
    ...common,
    entryPoints: ["src/messages/readerThreadEntry.ts"],
    plugins: [loadedLater],
    // with `require`, since not every Electron has `import()` in threads
    supported: { "dynamic-import": false },
  },
  {
    ...common,
    entryPoints: { cli: "src/headless.ts" },
    plugins: [loadedLater],
    banner: { js: `#!/usr/bin/env node\n${URL_OF_BUNDLE}` },
  },
  {
    ...common,
    entryPoints: { extension: "src/extension/main.ts" },
    plugins: [loadedLater],
    external: ["vscode"],
  },
];

/**
 * A plugin for all bundles that reports their builds as one, in the lines that `.vscode/tasks.json` waits for. The first
 * builds count from the start, so that a fast bundle does not report the end while a slow one has yet to begin.
 */
function buildReporter() {
  let running = bundles.length;
  console.log("[watch] build started");
  return {
    name: "build-reporter",
    setup({ onStart, onEnd }) {
      let isCounted = true;
      onStart(() => {
        if (!isCounted && running++ === 0) console.log("[watch] build started");
        isCounted = false;
      });
      onEnd(() => {
        if (--running === 0) console.log("[watch] build finished");
      });
    },
  };
}

await rm("dist", { recursive: true, force: true });
if (watching) {
  const reporter = buildReporter();
  const contexts = await Promise.all(
    bundles.map((bundle) => context({ ...bundle, plugins: [...(bundle.plugins ?? []), reporter] })),
  );
  await Promise.all(contexts.map((each) => each.watch()));
} else {
  const results = await Promise.all(bundles.map((bundle) => build(bundle)));
  await chmod("dist/cli.js", 0o755);
  await writeFile("dist/ThirdPartyNotices.txt", thirdPartyNotices(results));
}
