/** The end of a run: prints what became of every frame, and demands that nothing is wrong. */

import { expect } from "vitest";
import type { Books } from "./books.js";
import { summarize } from "./drive.js";
import { type Settlement, settle, violations } from "./settle.js";
import { plainColumns, renderSettlement, v1Columns } from "./table.js";

/** How many violations are shown. The tables have the number of all. */
export const shownMax = 20;

/** Plain sockets and consumers of `eventwire.v1` apart. */
export function expectNoViolation(books: Books): { plain: Settlement; v1: Settlement } {
  const plain = settle(books, ({ told }) => told === undefined);
  const v1 = settle(books, ({ told }) => told !== undefined);
  const tables = [
    renderSettlement(plain, books.faults, plainColumns),
    renderSettlement(v1, books.faults, v1Columns),
    summarize(books),
  ];
  console.info(tables.join("\n\n"));
  for (const settlement of [plain, v1]) {
    expect(violations(settlement).slice(0, shownMax)).toEqual([]);
    expect(settlement.total.delivered).toBeGreaterThan(0);
  }
  return { plain, v1 };
}
