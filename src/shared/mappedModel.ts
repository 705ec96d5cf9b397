/** The model for a name that a client sent, by the option `modelMap`. */
export function mappedModel(model: string, modelMap: Record<string, string>): string {
  return Object.hasOwn(modelMap, model) ? (modelMap[model] as string) : model;
}
