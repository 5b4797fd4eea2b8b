/**
 * Prepares the data directory (DATA_DIR), in which Eventwire keeps its files, and puts the errors of its use into
 * words.
 */

import { mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";

/**
 * Creates the data directory when it is missing, calls `work` with its absolute path, and resolves to the result.
 * Rejects when every user of the machine can write to the directory. An error of the file system, also one in `work`,
 * becomes a sentence that names the directory. Other errors of `work` pass unchanged.
 */
export async function useDataDirectory<T>(path: string, work: (root: string) => T | Promise<T>): Promise<T> {
  const root = resolve(path);
  try {
    makeDirectory(root);
    requireOwned(root);
    return await work(root);
  } catch (cause) {
    if (!isSystemError(cause)) throw cause;
    throw new Error(`The data directory ${root} cannot be used: ${cause.message}.`, { cause });
  }
}

/**
 * Throws when every user of the machine can write to the directory, because such a user could put another key or
 * database into it.
 */
function requireOwned(root: string): void {
  if ((statSync(root).mode & 0o002) === 0) return;
  throw new Error(
    `The data directory ${root} can be changed by every user of the machine: close it (chmod o-w ${root}).`,
  );
}

/**
 * Creates the directory and its missing parents one by one. Node's option `recursive` never returns on a file system
 * that answers ENOENT for a new directory, as /proc does.
 */
function makeDirectory(path: string): void {
  try {
    // The mode lets other users, such as PostgreSQL's user, pass through the directory, but not list its files.
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
