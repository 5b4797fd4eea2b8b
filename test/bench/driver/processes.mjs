/** Starts, stops and measures the processes of a run. Only processes started here are ever signalled. */

import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { onCore } from "./machine.mjs";

/** Those that are running. @type {Set<import("node:child_process").ChildProcess>} */
const children = new Set();
/** Those that ended by themselves. */
const deaths = [];

const gentleMs = 20_000;

/** Enough descriptors for 20,000 sockets where we may ask for them. */
const manyFiles = 'ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)"; exec "$@"';

/**
 * @param {object} [options]
 * @param {NodeJS.ProcessEnv} [options.env]
 * @param {"pipe" | "ignore"} [options.stdin]
 * @param {boolean} [options.gentle] it has children of its own, which it ends when it is asked to end
 */
export function start(core, command, { env = process.env, stdin = "ignore", gentle = false } = {}) {
  const words = ["sh", "-c", manyFiles, "sh", ...onCore(core, command)];
  const child = spawn(words[0], words.slice(1), { env, stdio: [stdin, "pipe", "pipe"] });
  children.add(child);
  child.log = "";
  child.gentle = gentle;
  child.stderr.on("data", (text) => {
    child.log = (child.log + text).slice(-4000);
  });
  child.on("exit", () => {
    children.delete(child);
    if (!child.killed) deaths.push(child);
  });
  return child;
}

/** The first line that a process prints, as JSON. */
export function firstLine(child) {
  return new Promise((resolve, reject) => {
    const lines = createInterface(child.stdout);
    lines.once("line", (line) => {
      lines.close();
      child.stdout.resume();
      resolve(JSON.parse(line));
    });
    child.once("exit", (code) => reject(new Error(`exited with ${code}: ${child.log}`)));
  });
}

/** Ends a process; a gentle one has some seconds to end by itself. */
export async function kill(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGCONT");
  if (child.gentle) {
    child.kill("SIGTERM");
    await Promise.race([gone, sleep(gentleMs)]);
  }
  child.kill("SIGKILL");
  await gone;
}

process.on("exit", () => {
  // What is paused could not end.
  for (const pid of paused) {
    try {
      process.kill(pid, "SIGCONT");
    } catch {
      // It is gone already.
    }
  }
  for (const child of children) child.kill(child.gentle ? "SIGTERM" : "SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(130));

/** @type {Set<number>} */
const paused = new Set();

export function pause(pids) {
  signal(pids, "SIGSTOP");
  for (const pid of pids) paused.add(pid);
}

export function resume(pids) {
  signal(pids, "SIGCONT");
  for (const pid of pids) paused.delete(pid);
}

function signal(pids, name) {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch (cause) {
      const log = deaths.map((child) => `${child.spawnargs.at(-1)}: ${child.log}`).join("\n");
      throw new Error(`process ${pid} is gone\n${log}`, { cause });
    }
  }
}

/** CPU time of all threads in ns. */
export function cpuNs(pids) {
  let sum = 0;
  for (const pid of pids) {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      sum += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
    }
  }
  return sum;
}

/** Time for garbage to be collected and its pages to go back. */
const settleMs = 1500;

/**
 * Resident memory of a server in bytes, without pages of files; and kernel memory of the whole machine.
 * @param {import("../peers/catalogue.mjs").Running} running
 */
export async function measureMemory({ pids, collects }) {
  for (const _ of [1, 2]) {
    await sleep(settleMs);
    if (collects) signal(pids, "SIGUSR2");
  }
  await sleep(settleMs);
  let resident = 0;
  for (const pid of pids) {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    resident += Number(/RssAnon:\s+(\d+)/.exec(status)?.[1]) * 1024;
  }
  return { resident, kernel: kernelBytes() };
}

/** Kernel memory of the whole machine that grows with sockets: buffers and objects. */
function kernelBytes() {
  const pages = Number(/TCP:.* mem (\d+)/.exec(readFileSync("/proc/net/sockstat", "utf8"))?.[1]);
  const slab = Number(/SUnreclaim:\s+(\d+)/.exec(readFileSync("/proc/meminfo", "utf8"))?.[1]);
  return pages * 4096 + slab * 1024;
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
