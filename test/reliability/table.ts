/** A settlement as a Markdown table. */

import type { Fault } from "./books.js";
import type { Settlement } from "./settle.js";
import type { Tally } from "./tally.js";

export type Columns = readonly (readonly [title: string, key: keyof Tally])[];

export const plainColumns: Columns = [
  ["events", "events"],
  ["frames expected", "expected"],
  ["delivered", "delivered"],
  ["publisher told", "told"],
  ["interruption logged", "interrupted"],
  ["close seen", "closed"],
  ["unexplained", "unexplained"],
];

export const v1Columns: Columns = [
  ["frames expected", "expected"],
  ["delivered", "delivered"],
  ["`gap` told", "gap"],
  ["reason of the end told", "closing"],
  ["node or consumer killed", "broken"],
  ["publisher got no answer", "unanswered"],
  ["killed before it could tell", "untold"],
  ["violations", "unexplained"],
];

export function renderSettlement(
  { byFault, total, duplicates, disordered, strangers, mistold }: Settlement,
  faults: readonly Fault[],
  columns: Columns,
): string {
  const times = (kind: string): number => faults.filter((fault) => fault.kind === kind).length;
  const row = (name: string, count: number | string, tally: Tally): string =>
    `| ${name} | ${count} | ${columns.map(([, key]) => tally[key].toLocaleString("en")).join(" | ")} |`;
  return [
    `| fault | times | ${columns.map(([title]) => title).join(" | ")} |`,
    `| --- | ---: |${columns.map(() => " ---: |").join("")}`,
    ...[...byFault].sort().map(([kind, tally]) => row(kind, times(kind) || "", tally)),
    row("**all**", faults.length, total),
    "",
    `Duplicates: ${duplicates.length}. Out of order: ${disordered.length}. Never due: ${strangers.length}.` +
      (columns === v1Columns ? ` Told something wrong, or nothing at the end: ${mistold.length}.` : ""),
  ].join("\n");
}
