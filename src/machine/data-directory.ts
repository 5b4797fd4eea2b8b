/** The directory that everything of ours on disk stands in. */

import { mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";

/** Runs `work` in the directory, made when it is missing. What the file system refuses becomes a sentence that names it. */
export async function useDataDirectory<T>(path: string, work: (root: string) => T | Promise<T>): Promise<T> {
  const root = resolve(path);
  try {
    makeDirectory(root);
    requireOwned(root);
    return await work(root);
  } catch (cause) {
    if (!isSystemError(cause)) throw cause;
    throw new Error(`The data directory ${root} can not be used: ${cause.message}.`, { cause });
  }
}

/** Whoever can write into it can put a key or a database of their own there. */
function requireOwned(root: string): void {
  if ((statSync(root).mode & 0o002) === 0) return;
  throw new Error(
    `The data directory ${root} can be changed by every user of the machine: close it (chmod o-w ${root}).`,
  );
}

/** Not `recursive`: where a file system answers ENOENT for a new directory, as /proc does, Node then never returns. */
function makeDirectory(path: string): void {
  try {
    // Others may pass, as the user that PostgreSQL runs as must, and see nothing.
    mkdirSync(path, { mode: 0o711 });
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (error.code === "EEXIST") return;
    if (error.code !== "ENOENT" || dirname(path) === path) throw error;
    makeDirectory(dirname(path));
    mkdirSync(path, { mode: 0o711 });
  }
}

export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error;
}
