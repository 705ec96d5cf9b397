/** The channels of one release. */
export interface Release {
  /** Dist-tag on npm. */
  npmTag: "latest" | "next";
  /** Further flags for `vsce package`. */
  vsceFlags: "" | "--pre-release";
}

/**
 * Reads a tag such as `v1.2.3`, or `v1.3.0-pre` for a pre-release. Throws when it does not fit the sources.
 *
 * The Marketplace takes no `-pre` in a version and each version once. So, as VS Code recommends, a pre-release has an odd
 * minor version and a release an even one.
 */
export function releaseOf(tag: string, sources: { version: string; changelog: string }): Release {
  const [, version, minor, suffix] = /^v(\d+\.(\d+)\.\d+)(-pre)?$/.exec(tag) ?? [];
  if (version === undefined)
    throw new Error(`'${tag}' is not a release tag. Use v1.2.3, or v1.3.0-pre for a pre-release.`);
  if (version !== sources.version) {
    throw new Error(`The tag ${tag} does not match version ${sources.version} of package.json.`);
  }
  const isPreRelease = suffix !== undefined;
  if (isPreRelease !== (Number(minor) % 2 === 1)) {
    throw new Error(`${tag}: pre-releases have an odd minor version, releases an even one.`);
  }
  const section = new RegExp(`^## \\[${version.replaceAll(".", "\\.")}\\] - \\d{4}-\\d{2}-\\d{2}$`, "m");
  if (!section.test(sources.changelog)) throw new Error(`CHANGELOG.md has no section "## [${version}] - date".`);
  return isPreRelease ? { npmTag: "next", vsceFlags: "--pre-release" } : { npmTag: "latest", vsceFlags: "" };
}
