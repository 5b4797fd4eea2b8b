/** Looks at processes by their id. The system may have given the id to another process in the meantime. */

import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

const pollMs = 20;

/** Whether a process has the id. Also true for a zombie. */
export function isTaken(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Whether the process runs. A zombie does not: in a container it may stay for ever, because nobody collects it. */
export function isRunning(pid: number): boolean {
  if (!isTaken(pid)) return false;
  const status = readProc(pid, "stat");
  return status === undefined || !/\) Z /.test(status);
}

/**
 * Sends the signal and waits until the process has ended. False when the process still runs after `msMax`. True at once when
 * the signal cannot be sent: then there is no such process, or it belongs to another user.
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

/** The program and its arguments. Undefined without a /proc, and for a process that has gone. */
export function commandOf(pid: number): readonly string[] | undefined {
  return readProc(pid, "cmdline")?.split("\0");
}

/** The process that has started it, or that took it over when the one that had started it ended. */
export function parentOf(pid: number): number | undefined {
  const [, parent] = /\) \S (\d+) /.exec(readProc(pid, "stat") ?? "") ?? [];
  return parent === undefined ? undefined : Number(parent);
}

/** The ids of all processes. Empty without a /proc. */
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
