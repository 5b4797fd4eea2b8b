/** Whether a program that a test wants is on this machine. */

import { execFile } from "node:child_process";

/** Runs it once and looks at how it ends. */
export function canRun(program: string, args: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    execFile(program, args, (error) => resolve(error === null));
  });
}
