/** Puts the report together, and into docs/PERFORMANCE.md between its two markers. */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { workloads } from "../workloads/catalogue.mjs";
import { barsTable } from "./bars.mjs";
import { tables } from "./tables.mjs";

const page = fileURLToPath(new URL("../../../docs/PERFORMANCE.md", import.meta.url));
const begin = "<!-- bench:begin -->";
const end = "<!-- bench:end -->";

/**
 * @param {import("./measures.mjs").Results} results
 * @param {{ machine: string, mode: string, leftOut: string[] }} about
 */
export function renderReport(results, { machine, mode, leftOut }) {
  const parts = [`Measured ${new Date().toISOString().slice(0, 10)}, ${mode}. ${machine}.`];
  if (leftOut.length > 0) parts.push(leftOut.map((line) => `- Left out: ${line}`).join("\n"));
  for (const { name, title, kind, narrow } of workloads) {
    const result = results[name];
    if (result === undefined) continue;
    parts.push(`### ${title}`, result.error ? `Failed: ${result.error}` : tables[kind](result));
    if (narrow) parts.push(result.narrow ? narrowed(narrow) : asIs);
  }
  const bars = barsTable(results);
  if (bars !== undefined) parts.push("### Bars", bars);
  return parts.join("\n\n");
}

const narrowed = (bytes) =>
  `The kernel's send buffer was limited to ${bytes / 1024} KiB (tcp_wmem, in a network namespace).`;
const asIs = "The kernel's send buffer was as it is (about 4 MB per socket): small ones need root.";

/** Everything outside the markers stays as it is. */
export function writePage(report) {
  mkdirSync(fileURLToPath(new URL("../../../docs/", import.meta.url)), { recursive: true });
  const before = existsSync(page) ? readFileSync(page, "utf8") : `# Performance\n\n${begin}\n${end}\n`;
  const [from, to] = [before.indexOf(begin), before.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`docs/PERFORMANCE.md has no ${begin} … ${end}`);
  writeFileSync(page, `${before.slice(0, from + begin.length)}\n\n${report}\n\n${before.slice(to)}`);
}
