import { simple } from "../harness.ts";

// biome-ignore lint/suspicious/noExplicitAny: answers of any shape
type Answer = any;

/** A client of the extension's server, outside VS Code. */
export class Api {
  readonly #baseURL: () => string;

  constructor(baseURL: () => string) {
    this.#baseURL = baseURL;
  }

  /** Creates a batch with a request for each text; resolves with its id. */
  async createBatch(...texts: string[]): Promise<string> {
    const requests = texts.map((text, index) => ({ custom_id: `request-${index + 1}`, params: simple(text) }));
    const init = {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ requests }),
    };
    return (await this.#call("/v1/messages/batches", init)).id;
  }

  batch(id: string): Promise<Answer> {
    return this.#call(`/v1/messages/batches/${id}`);
  }

  async batches(): Promise<string[]> {
    return (await this.#call("/v1/messages/batches")).data.map(({ id }: Answer) => id);
  }

  async deleteBatch(id: string): Promise<void> {
    await this.#call(`/v1/messages/batches/${id}`, { method: "DELETE" });
  }

  /** Uploads a file; resolves with its id. */
  async upload(name: string, content: string): Promise<string> {
    const body = new FormData();
    body.append("file", new File([content], name, { type: "text/plain" }));
    return (await this.#call("/v1/files", { method: "POST", body })).id;
  }

  /** Name and id of every file. */
  async files(): Promise<Record<string, string>> {
    const { data } = await this.#call("/v1/files");
    return Object.fromEntries(data.map(({ filename, id }: Answer) => [filename, id]));
  }

  async deleteFile(id: string): Promise<void> {
    await this.#call(`/v1/files/${id}`, { method: "DELETE" });
  }

  async #call(path: string, init: RequestInit = {}): Promise<Answer> {
    const headers = { ...(init.headers as Record<string, string>), "x-api-key": "any-key" };
    const response = await fetch(`${this.#baseURL()}${path}`, { ...init, headers });
    const answer = await response.json();
    if (!response.ok) throw new Error(JSON.stringify(answer));
    return answer;
  }
}
