import { ONE_CALL_MOD } from "../../src/claude/transport/overlay/oneCallMod.ts";
import { OverlayOutcome } from "../../src/claude/transport/overlay/overlayOutcome.ts";
import { Turn, type TurnParts } from "../../src/claude/turn.ts";

/** A turn on an overlay worker that sends nothing; does not wait for headers by default. */
export function overlayTurn({ sendInterrupt = () => {}, ...parts }: Partial<TurnParts> = {}): Turn {
  const transport = { name: "overlay", mod: ONE_CALL_MOD.name } as const;
  return new Turn({ sendInterrupt, transport, outcome: new OverlayOutcome(), awaitsHeaders: false, ...parts });
}
