import { expect, it } from "vitest";
import { pdfPages } from "../../../src/tokens/pdfPages.ts";

const pages = (pdf: string) =>
  [...pdfPages(Buffer.from(pdf).toString("base64"))].reduce((sum, found) => sum + found, 0);

it.each([
  ["no page shows", "%PDF-1.7", 1],
  ["two pages and their list", "/Type /Pages /Type /Page\n/Type/Page", 2],
  ["pages lie at the seam of two chunks", `${"0".repeat(299_995)}/Type /Page${"0".repeat(299_980)}/Type /Page`, 2],
  ["blanks fill a megabyte", `/Type${" ".repeat(1_000_000)}/Page /Type /Page`, 1],
])("counts the pages of a PDF in which %s", (_name, pdf, expected) => expect(pages(pdf)).toBe(expected));
