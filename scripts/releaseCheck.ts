import { readFileSync } from "node:fs";
import { join } from "node:path";
import { releaseOf } from "./release.ts";

/** Prints the channels that the tag given as argument publishes to, in the form of `$GITHUB_OUTPUT`. */
const root = join(import.meta.dirname, "..");
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const { npmTag, vsceFlags } = releaseOf(process.argv[2] ?? "", {
  version,
  changelog: readFileSync(join(root, "CHANGELOG.md"), "utf8"),
});
console.log(`npm-tag=${npmTag}\nvsce-flags=${vsceFlags}`);
