declare const __VERSION__: string | undefined;

/** The version in package.json, inserted by the bundler. */
export const version: string = typeof __VERSION__ === "string" ? __VERSION__ : "0.0.0-source";
