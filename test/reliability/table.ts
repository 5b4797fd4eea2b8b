/** A settlement as a Markdown table. */

import type { Fault } from "./books.js";
import type { Settlement, Tally } from "./settle.js";

const columns: readonly (readonly [title: string, key: keyof Tally])[] = [
  ["events", "events"],
  ["frames expected", "expected"],
  ["delivered", "delivered"],
  ["publisher told", "told"],
  ["interruption logged", "interrupted"],
  ["close seen", "closed"],
  ["unexplained", "unexplained"],
];

export function renderSettlement(
  { byFault, total, duplicates, disordered, strangers }: Settlement,
  faults: readonly Fault[],
): string {
  const times = (kind: string): number => faults.filter((fault) => fault.kind === kind).length;
  const rows = [...byFault].sort().map(([kind, tally]) => row(kind, times(kind) || "", tally));
  return [
    `| fault | times | ${columns.map(([title]) => title).join(" | ")} |`,
    `| --- | ---: |${columns.map(() => " ---: |").join("")}`,
    ...rows,
    row("**all**", faults.length, total),
    "",
    `Duplicates: ${duplicates.length}. Out of order: ${disordered.length}. Never due: ${strangers.length}.`,
  ].join("\n");
}

function row(name: string, times: number | string, tally: Tally): string {
  return `| ${name} | ${times} | ${columns.map(([, key]) => tally[key].toLocaleString("en")).join(" | ")} |`;
}
