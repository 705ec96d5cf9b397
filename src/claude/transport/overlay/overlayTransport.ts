import type { ApiError } from "../../../api/errors.ts";
import type { NetworkRoute } from "../../process/network.ts";
import type { CliMessage } from "../../protocol/codec.ts";
import { triggerOf } from "../../protocol/trigger.ts";
import type { Ask, Transport, TurnOutcome } from "../transport.ts";
import type { OverlayRequest, TurnRequest } from "../turnRequest.ts";
import { ONE_CALL_MOD } from "./oneCallMod.ts";
import { OverlayMods } from "./overlayMods.ts";
import { OverlayOutcome } from "./overlayOutcome.ts";
import { bodyOf, turnSettings } from "./turnSettings.ts";

/** The CLI merges the client's fields into its own body, and logs upstream's answer. */
export class OverlayTransport implements Transport {
  readonly name = "overlay";
  readonly mod = ONE_CALL_MOD.name;
  logsHeaders = true;
  readonly mods: OverlayMods;
  readonly #route: NetworkRoute;

  constructor(route: NetworkRoute, hasStepMod = false) {
    this.#route = route;
    this.mods = new OverlayMods(hasStepMod);
  }

  /** With an organization's guard, a mod can end further steps of a turn but not repeated calls. */
  get allowsMoreCalls(): boolean {
    return this.mods.areForbidden || this.mods.needStepMod;
  }

  settings(request: TurnRequest): object {
    return turnSettings(overlaid(request));
  }

  accepted(): void {}

  refusalOf({ model }: TurnRequest, ask: Ask): Promise<ApiError | undefined> {
    return this.mods.refusalOf(model, ask);
  }

  trigger(): CliMessage {
    // never sent upstream, since the client's messages replace it
    return triggerOf(".");
  }

  outcome(request: TurnRequest): TurnOutcome {
    return new OverlayOutcome(bodyOf(overlaid(request)), this.#route);
  }
}

function overlaid(request: TurnRequest): OverlayRequest {
  if (request.transport !== "overlay") throw new Error(`This worker takes no request for '${request.transport}'.`);
  return request;
}
