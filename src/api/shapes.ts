import { z } from "zod";

/** The words for a value that is not what it should be, when they are not those for one that is missing. */
export function required(words: string) {
  return ({ input }: { input?: unknown }) => (input === undefined ? "Field required" : words);
}

/** A list of these. Stops at the first bad element: zod's own array has an issue for each, of which there may be millions. */
export function listOf<T>(item: z.ZodType<T>) {
  const list = z.custom<T[]>(Array.isArray, { error: required("Input should be a valid list") });
  return list.superRefine((elements, context) => {
    for (const [index, element] of elements.entries()) {
      const issue = item.safeParse(element).error?.issues[0];
      if (!issue) continue;
      // the path of an issue is readonly, and an issue that is added has no message of its own type
      context.addIssue({ ...issue, path: [index, ...issue.path] } as Parameters<typeof context.addIssue>[0]);
      return;
    }
  });
}
