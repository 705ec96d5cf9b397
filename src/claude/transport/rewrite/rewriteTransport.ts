import type { NetworkRoute } from "../../process/network.ts";
import type { CliMessage } from "../../protocol/codec.ts";
import { triggerOf } from "../../protocol/trigger.ts";
import type { Transport, TurnOutcome } from "../transport.ts";
import type { RewriteRequest, TurnRequest } from "../turnRequest.ts";
import { RewriteMods } from "./rewriteMods.ts";
import { RewriteOutcome } from "./rewriteOutcome.ts";

/** Our mod sends the client's request in place of the CLI's, and reports upstream's answer. */
export class RewriteTransport implements Transport {
  readonly name = "rewrite";
  readonly mod: string;
  readonly mods: RewriteMods;
  readonly allowsMoreCalls = false;
  logsHeaders = true;
  readonly #route: NetworkRoute;
  readonly #streamIdleTimeout: number;
  #model: string | undefined;

  /** `streamIdleTimeout` is in milliseconds; `mod` is the loaded mod's name. */
  constructor(route: NetworkRoute, streamIdleTimeout: number, mod: string) {
    this.mod = mod;
    this.mods = new RewriteMods(mod);
    this.#route = route;
    this.#streamIdleTimeout = streamIdleTimeout;
  }

  /** Only settings resolve aliases; changing them takes a third of a request's time. */
  settings({ model }: TurnRequest): object | undefined {
    return model === this.#model ? undefined : { model };
  }

  accepted({ model }: TurnRequest): void {
    this.#model = model;
  }

  /** Where an organization has set rules, requests are not rewritten. */
  async refusalOf(): Promise<undefined> {}

  trigger(request: TurnRequest): CliMessage {
    return triggerOf(rewritten(request).instruction);
  }

  outcome(): TurnOutcome {
    return new RewriteOutcome(this.#route, this.#streamIdleTimeout);
  }
}

function rewritten(request: TurnRequest): RewriteRequest {
  if (request.transport !== "rewrite") throw new Error(`This worker takes no request for '${request.transport}'.`);
  return request;
}
