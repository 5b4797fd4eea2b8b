/** What is printed of the consumers that go on after their last position. */

import type { Books } from "./books.js";
import { count } from "./drive.js";
import type { Columns } from "./table.js";

export const resumingColumns: Columns = [
  ["frames expected", "expected"],
  ["delivered", "delivered"],
  ["`gap` told", "gap"],
  ["`resumed: false` told", "refused"],
  ["no position before", "unplaced"],
  ["publisher got no answer", "unanswered"],
  ["killed before it could tell", "untold"],
  ["violations", "unexplained"],
];

export function summarizeResumes({ resuming }: Books): string {
  const told = resuming.flatMap((lives) => lives.slice(1)).flatMap((life) => life.told ?? []);
  const resumed = resuming.flat().filter((life) => life.told?.resumed);
  const frames = resumed.reduce((sum, { received }) => sum + received.length, 0);
  return [
    `Consumers that go on: ${resuming.length}, which came back ${told.length.toLocaleString("en")} times.`,
    `Resumed: ${resumed.length.toLocaleString("en")}, with ${frames.toLocaleString("en")} frames.`,
    `Refused: ${count(told.flatMap(({ refusal }) => refusal ?? []))}.`,
    `Had no position: ${told.filter(({ resumed }) => resumed === undefined).length.toLocaleString("en")}.`,
  ].join(" ");
}
