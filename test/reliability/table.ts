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
  return [
    ...faultRows(columns, byFault, total, faults),
    "",
    `Duplicates: ${duplicates.length}. Out of order: ${disordered.length}. Never due: ${strangers.length}.` +
      (columns === v1Columns ? ` Told something wrong, or nothing at the end: ${mistold.length}.` : ""),
  ].join("\n");
}

/** The rows of a table with one row for each kind of fault, and one for all. A column is a title and the count to show. */
export function faultRows<Key extends string>(
  columns: readonly (readonly [title: string, key: Key])[],
  byFault: Iterable<[kind: string, counts: Readonly<Record<Key, number>>]>,
  total: Readonly<Record<Key, number>>,
  faults: readonly Fault[],
): string[] {
  const times = (kind: string): number => faults.filter((fault) => fault.kind === kind).length;
  const row = (name: string, count: number | string, counts: Readonly<Record<Key, number>>): string =>
    `| ${name} | ${count} | ${columns.map(([, key]) => counts[key].toLocaleString("en")).join(" | ")} |`;
  return [
    `| fault | times | ${columns.map(([title]) => title).join(" | ")} |`,
    `| --- | ---: |${columns.map(() => " ---: |").join("")}`,
    ...[...byFault].sort().map(([kind, counts]) => row(kind, times(kind) || "", counts)),
    row("**all**", faults.length, total),
  ];
}
