/** How the CLI's debug lines begin. */
const DEBUG = /^\d{4}-\d\d-\d\dT\S+ \[/;
const OF_ORGANIZATION = /managed settings|your organization/i;

/** Watches the CLI's stderr for what it says to a person when an organization's settings keep it from running. */
export class LastWords {
  #found: string | undefined;

  add(line: string): void {
    if (this.#found === undefined && !DEBUG.test(line) && OF_ORGANIZATION.test(line)) this.#found = line.trim();
  }

  /** The CLI's words; undefined where it gave no such reason. */
  get ofOrganization(): string | undefined {
    return this.#found;
  }
}
