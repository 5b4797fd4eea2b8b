/** The command line of the benchmark: `npm run bench -- [--quick] [--only a,b] [--write] [--install] [--list]`. */

import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { cache } from "./driver/generator.mjs";
import { describeMachine, missing } from "./driver/machine.mjs";
import { canNarrow, runNarrow } from "./driver/narrow.mjs";
import { notInstallable, peers } from "./peers/catalogue.mjs";
import { renderReport, writePages } from "./report/page.mjs";
import { workloads } from "./workloads/catalogue.mjs";

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    write: { type: "boolean", default: false },
    install: { type: "boolean", default: false },
    list: { type: "boolean", default: false },
    rounds: { type: "string" },
    inner: { type: "string" },
  },
});

const packages = ["nginx-light", "libnginx-mod-nchan", "nats-server"];
const log = (line) => process.stderr.write(`${new Date().toTimeString().slice(0, 8)} ${line}\n`);

function stop(line) {
  process.stderr.write(`${line}\n`);
  process.exit(1);
}

function install() {
  if (process.getuid?.() !== 0) stop("--install needs root: it runs apt-get");
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  execFileSync("apt-get", ["update", "-qq"], { stdio: "inherit" });
  execFileSync("apt-get", ["install", "-y", "--no-install-recommends", ...packages], { stdio: "inherit", env });
}

/** What a run left that was ended early. */
function clearScratch() {
  mkdirSync(cache, { recursive: true });
  for (const entry of readdirSync(cache, { withFileTypes: true })) {
    if (entry.isDirectory()) rmSync(cache + entry.name, { recursive: true });
  }
}

/** `--only` takes names of workloads and of systems. */
function select() {
  const names = options.only?.split(",") ?? [];
  for (const name of names) {
    if (!workloads.some((w) => w.name === name) && !(name in peers)) stop(`unknown: ${name}. See --list.`);
  }
  const asked = names.filter((name) => workloads.some((w) => w.name === name));
  return {
    chosen: workloads.filter(({ name, quick }) => (asked.length > 0 ? asked.includes(name) : quick || !options.quick)),
    systems: names.filter((name) => name in peers),
  };
}

if (options.list) {
  for (const { name, title, systems } of workloads) process.stdout.write(`${name}: ${title} (${systems.join(", ")})\n`);
  process.exit(0);
}
const reason = missing();
if (reason !== undefined) stop(`The benchmark cannot run here: ${reason}.`);
if (options.install && options.inner === undefined) install();

if (options.inner === undefined) clearScratch();

const { chosen, systems } = select();
const leftOut = [];
for (const [name, peer] of Object.entries(peers)) {
  const why = peer.missing();
  if (why !== undefined) leftOut.push(`${name}: ${why}`);
}
leftOut.push(...notInstallable);
for (const line of leftOut) log(`left out: ${line}`);
const unavailable = new Set(Object.keys(peers).filter((name) => peers[name].missing() !== undefined));
// The hub stays in: it is what everything is compared with.
const available = (name) =>
  !unavailable.has(name) && (systems.length === 0 || name === "hub" || systems.includes(name));

const size = options.quick
  ? { sets: 1, timesMax: 1, rounds: 3, windowSeconds: 1.5 }
  : { sets: 2, timesMax: Number.POSITIVE_INFINITY, rounds: 4, windowSeconds: 3 };
if (options.rounds !== undefined) size.rounds = Number(options.rounds);

/** In a process of its own where the workload wants small kernel buffers and they can be had. */
async function run(workload) {
  if (!workload.narrow || options.inner !== undefined || !canNarrow(workload.narrow))
    return workload.run({ ...size, available, log });
  const file = `${cache}inner.json`;
  const arguments_ = [
    ...process.argv.slice(2).filter((word, at, all) => word !== "--only" && all[at - 1] !== "--only"),
  ];
  const only = [workload.name, ...systems].join(",");
  runNarrow(
    [process.execPath, fileURLToPath(import.meta.url), ...arguments_, "--only", only, "--inner", file],
    workload.narrow,
  );
  const inner = JSON.parse(readFileSync(file, "utf8"))[workload.name];
  return { ...inner, narrow: true };
}

/** @type {import("./report/measures.mjs").Results} */
const results = {};
for (const workload of chosen) {
  try {
    results[workload.name] = await run(workload);
  } catch (error) {
    log(`${workload.name} failed: ${error.stack}`);
    results[workload.name] = { error: error.message };
  }
  // After each one: what was measured survives whatever ends the run.
  writeFileSync(options.inner ?? `${cache}results.json`, JSON.stringify(results, undefined, 1));
}

if (options.inner !== undefined) process.exit(0);
const about = { machine: describeMachine(), mode: options.quick ? "quick run" : "full run", leftOut };
process.stdout.write(`${renderReport(results, about)}\n`);
if (options.write || (!options.quick && options.only === undefined)) writePages(results, about);
process.exit(Object.values(results).some(({ error }) => error !== undefined) ? 1 : 0);
