/**
 * Looks at processes by their id, and ends them. Beware: when a process has ended, the system may give its id to
 * another process.
 */

import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

const pollMs = 20;

/** Whether any process has this id. That includes a zombie, which has ended but still holds its id. */
export function isTaken(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/**
 * Whether a process with this id runs. A zombie does not run: it has ended, but its parent has not collected it. In a
 * container a zombie may stay for ever. On a system without /proc, a zombie counts as running.
 */
export function isRunning(pid: number): boolean {
  if (!isTaken(pid)) return false;
  const status = readProc(pid, "stat");
  return status === undefined || !/\) Z /.test(status);
}

/**
 * Sends a signal to a process and waits until the process has ended. Returns true when it has ended, and false when it
 * still runs after `msMax` milliseconds. Returns true at once when the signal cannot be sent, because the process has
 * gone or belongs to another user.
 */
export async function endProcess(pid: number, signal: NodeJS.Signals, msMax: number): Promise<boolean> {
  try {
    process.kill(pid, signal);
  } catch {
    return true;
  }
  for (let waited = 0; waited < msMax; waited += pollMs) {
    if (!isRunning(pid)) return true;
    await delay(pollMs);
  }
  return false;
}

/** The program and the arguments of a process. Undefined when the process has gone, and on a system without /proc. */
export function commandOf(pid: number): readonly string[] | undefined {
  return readProc(pid, "cmdline")?.split("\0");
}

/**
 * The id of the parent of a process. When the parent ends, the system gives the process another parent. Undefined when
 * the process has gone, or on a system without /proc.
 */
export function parentOf(pid: number): number | undefined {
  const [, parent] = /\) \S (\d+) /.exec(readProc(pid, "stat") ?? "") ?? [];
  return parent === undefined ? undefined : Number(parent);
}

/** The ids of all processes. Empty on a system without /proc. */
export function allProcesses(): number[] {
  try {
    return readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
  } catch {
    return [];
  }
}

function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return undefined;
  }
}
