/** The machine: what it is, which cores are used, and what else ran on them. */

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem } from "node:os";

/** Servers on one core, everything else on another, so that neither pays for the other. */
export const serverCore = 0;
export const loadCore = 1;

/** Why the benchmark cannot run here, or undefined. */
export function missing() {
  if (process.platform !== "linux") return "the load generator uses epoll: Linux only";
  if (!has("cc")) return "no C compiler (`cc`) to build the load generator with";
  return undefined;
}

export function has(program) {
  try {
    execFileSync("sh", ["-c", `command -v ${program}`], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** With one core, or without taskset, everything shares what there is; the report says so. */
export const pinned = availableParallelism() > 1 && has("taskset");

/** @returns {string[]} the command, bound to a core where that is possible */
export const onCore = (core, command) => (pinned ? ["taskset", "-c", String(core), ...command] : command);

export function describeMachine() {
  const sysctl = (name) => readFileSync(`/proc/sys/${name}`, "utf8").trim().replace(/\s+/g, " ");
  return [
    `${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    `Linux ${release()}, Node ${process.version}`,
    `tcp_wmem ${sysctl("net/ipv4/tcp_wmem")}, congestion control ${sysctl("net/ipv4/tcp_congestion_control")}`,
    pinned ? "server on core 0, load and publishers on core 1" : "not pinned: one core, or no taskset",
  ].join("; ");
}

/** Busy time of the servers' core in ns since boot, interrupts included. */
export function coreBusyNs() {
  const line = readFileSync("/proc/stat", "utf8").split("\n")[serverCore + 1] ?? "";
  const [, user, nice, system, , , irq, softirq, steal] = line.split(/\s+/).map(Number);
  return (user + nice + system + irq + softirq + steal) * 1e7;
}
