/** Looks at processes by their id, which the system may meanwhile have given to another one. */

import { readFileSync } from "node:fs";
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

/** Without a /proc any running process counts. */
export function isPostmaster(pid: number): boolean {
  if (!isRunning(pid)) return false;
  const line = readProc(pid, "cmdline");
  return line === undefined || /^postgres(\.exe)?$/.test(basename(line.split("\0")[0] ?? ""));
}

function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return undefined;
  }
}
