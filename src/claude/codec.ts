import { lines } from "../shared/lines.ts";

/** A line of the CLI's stream-json protocol, in either direction; fields beyond `type` depend on it. */
export interface CliMessage {
  type: string;
  // biome-ignore lint/suspicious/noExplicitAny: the protocol belongs to the CLI and grows with it
  [field: string]: any;
}

/** The messages in the CLI's output; a line that is no JSON object is handed to `stray` and passed over. */
export async function* messages(
  chunks: AsyncIterable<Buffer>,
  stray: (line: string) => void,
): AsyncGenerator<CliMessage> {
  for await (const line of lines(chunks)) {
    const message = parse(line);
    if (message) yield message;
    else if (line.trim() !== "") stray(line);
  }
}

/** One message as a line for the CLI's stdin. */
export function encode(message: CliMessage): string {
  return `${JSON.stringify(message)}\n`;
}

function parse(line: string): CliMessage | undefined {
  try {
    const value = JSON.parse(line);
    return typeof value === "object" && value !== null && typeof value.type === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}
