/**
 * Puts the report together: every table goes into docs/performance/results.md, the headline tables into
 * docs/PERFORMANCE.md, each between two markers.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { workloads } from "../workloads/catalogue.mjs";
import { barsTable } from "./bars.mjs";
import { costTable, tables } from "./tables.mjs";

const begin = "<!-- bench:begin -->";
const end = "<!-- bench:end -->";

/** The workloads of the headline. One that has several tables shows the first. */
const headline = new Map([
  ["fanout", costTable],
  ["rates", tables.rates],
  ["frozen", tables.frozen],
  ["idle", tables.idle],
  ["ingest", tables.ingest],
]);

/** @typedef {{ machine: string, mode: string, leftOut: string[] }} About */

/**
 * Every table.
 * @param {import("./measures.mjs").Results} results
 * @param {About} about
 */
export function renderReport(results, about) {
  const parts = [measured(about)];
  if (about.leftOut.length > 0) parts.push(about.leftOut.map((line) => `- Left out: ${line}`).join("\n"));
  for (const workload of workloads) parts.push(...section(workload, results[workload.name], tables[workload.kind]));
  const bars = barsTable(results);
  if (bars !== undefined) parts.push("### Bars", bars);
  return parts.join("\n\n");
}

/**
 * The headline tables, of those workloads that were measured.
 * @param {import("./measures.mjs").Results} results
 * @param {About} about
 */
function renderHeadline(results, about) {
  const shown = workloads.filter(({ name }) => headline.has(name));
  const sections = shown.flatMap((workload) => section(workload, results[workload.name], headline.get(workload.name)));
  return [measured(about), ...sections].join("\n\n");
}

const measured = ({ machine, mode }) => `Measured ${new Date().toISOString().slice(0, 10)}, ${mode}. ${machine}.`;

function section({ title, narrow }, result, toTable) {
  if (result === undefined) return [];
  const body = [`### ${title}`, result.error ? `Failed: ${result.error}` : toTable(result)];
  return narrow ? [...body, result.narrow ? narrowed(narrow) : asIs] : body;
}

const narrowed = (bytes) =>
  `The kernel's send buffer was limited to ${bytes / 1024} KiB (tcp_wmem, in a network namespace).`;
const asIs = "The kernel's send buffer was as it is (about 4 MB per socket): small ones need root.";

/**
 * Writes both pages.
 * @param {import("./measures.mjs").Results} results
 * @param {About} about
 */
export function writePages(results, about) {
  writeBetweenMarkers("docs/performance/results.md", renderReport(results, about));
  writeBetweenMarkers("docs/PERFORMANCE.md", renderHeadline(results, about));
}

/** Everything outside the markers stays as it is. */
function writeBetweenMarkers(path, text) {
  const file = fileURLToPath(new URL(`../../../${path}`, import.meta.url));
  const before = readFileSync(file, "utf8");
  const [from, to] = [before.indexOf(begin), before.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`${path} has no ${begin} … ${end}`);
  writeFileSync(file, `${before.slice(0, from + begin.length)}\n\n${text}\n\n${before.slice(to)}`);
}
