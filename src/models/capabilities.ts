import type { Effort, KnownModel } from "./knownModels.ts";

const yes = { supported: true };
const support = (supported: boolean) => ({ supported });

export type Capabilities = ReturnType<typeof capabilitiesOf>;

/** The `capabilities` of the API's `ModelInfo`. The table omits what every current model can do. */
export function capabilitiesOf({ efforts, thinking, lacks }: Pick<KnownModel, "efforts" | "thinking" | "lacks">) {
  const effort = (level: Effort) => support(efforts.includes(level));
  const thinks = thinking.some((kind) => kind !== "disabled");
  return {
    batch: yes,
    citations: yes,
    code_execution: support(!lacks.includes("code_execution")),
    context_management: {
      supported: true,
      clear_thinking_20251015: support(thinks),
      clear_tool_uses_20250919: yes,
      compact_20260112: support(!lacks.includes("compact_20260112")),
    },
    effort: {
      supported: efforts.length > 0,
      low: effort("low"),
      medium: effort("medium"),
      high: effort("high"),
      xhigh: effort("xhigh"),
      max: effort("max"),
    },
    image_input: yes,
    pdf_input: yes,
    server_tools: { supported: true, code_execution: yes, web_search: yes },
    structured_outputs: support(!lacks.includes("structured_outputs")),
    thinking: {
      supported: thinks,
      types: {
        adaptive: support(thinking.includes("adaptive")),
        between_tools: support(thinking.includes("between_tools")),
        disabled: support(thinking.includes("disabled")),
        enabled: support(thinking.includes("enabled")),
      },
    },
  };
}
