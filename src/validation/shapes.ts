import { z } from "zod";

/** `message` for a wrong value, "Field required" for a missing one. */
export function required(message: string) {
  return ({ input }: { input?: unknown }) => (input === undefined ? "Field required" : message);
}

/** Stops at the first bad element: zod's own array creates an issue for each of possibly millions. */
export function listOf<T>(item: z.ZodType<T>) {
  const list = z.custom<T[]>(Array.isArray, { error: required("Input should be a valid list") });
  return list.superRefine((elements, context) => {
    for (const [index, element] of elements.entries()) {
      const issue = item.safeParse(element).error?.issues[0];
      if (!issue) continue;
      // zod's types have a readonly path here, and no type for an issue with its message
      context.addIssue({ ...issue, path: [index, ...issue.path] } as Parameters<typeof context.addIssue>[0]);
      return;
    }
  });
}
