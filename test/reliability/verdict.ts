/** The end of a run: prints what became of every frame, and demands that nothing is wrong. */

import { expect } from "vitest";
import type { Books } from "./books.js";
import { summarize } from "./drive.js";
import { resumingColumns, summarizeResumes } from "./resume-table.js";
import { type Settlement, settle, settleResuming, violations } from "./settle.js";
import { plainColumns, renderSettlement, v1Columns } from "./table.js";

/** How many violations of each table are shown. The tables have the number of all. */
const shownMax = 20;

/**
 * Plain sockets and consumers of `eventwire.v1` apart; of the latter, those that go on after their last position once more. `others`:
 * violations that were found elsewhere.
 */
export function expectNoViolation(
  books: Books,
  others: readonly string[] = [],
): { plain: Settlement; v1: Settlement; resuming: Settlement } {
  const plain = settle(books, ({ told }) => told === undefined);
  const v1 = settle(books, ({ told }) => told !== undefined);
  const resuming = settleResuming(books);
  const tables = [
    renderSettlement(plain, books.faults, plainColumns),
    renderSettlement(v1, books.faults, v1Columns),
    renderSettlement(resuming, books.faults, resumingColumns),
    summarizeResumes(books),
    summarize(books),
  ];
  console.info(tables.join("\n\n"));
  const all = [plain, v1, resuming];
  const found = [others, ...all.map(violations)];
  expect(found.flatMap((list) => list.slice(0, shownMax))).toEqual([]);
  for (const { total } of all) expect(total.delivered).toBeGreaterThan(0);
  return { plain, v1, resuming };
}
