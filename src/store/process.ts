/** Looks at processes by their id, which the system may meanwhile have given to another one. */

import { readFileSync, statSync } from "node:fs";
import { basename } from "node:path";

/** Also true for a zombie. */
export function isTaken(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** A zombie has ended: in a container, nobody may ever collect it. */
export function isRunning(pid: number): boolean {
  if (!isTaken(pid)) return false;
  const status = readProc(pid, "stat");
  return status === undefined || !/\) Z /.test(status);
}

/** Whether it is a PostgreSQL server that works in this directory. Without a /proc any running process counts. */
export function isPostmaster(pid: number, data: string): boolean {
  if (!isRunning(pid)) return false;
  const line = readProc(pid, "cmdline");
  if (line === undefined) return true;
  return basename(line.split("\0")[0] ?? "") === "postgres" && worksIn(pid, data);
}

/** One that we may not look at belongs to another user, as no server of ours does. */
function worksIn(pid: number, directory: string): boolean {
  try {
    const [there, here] = [statSync(`/proc/${pid}/cwd`), statSync(directory)];
    return there.dev === here.dev && there.ino === here.ino;
  } catch {
    return false;
  }
}

function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return undefined;
  }
}
