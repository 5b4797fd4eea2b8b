/** Finds out how many files this process has open and how many it may open. Each connection counts as a file. */

import { statSync } from "node:fs";
import { readdir } from "node:fs/promises";

/**
 * How many files this process may have open. Node.js raises this limit to the hard limit when it starts. Infinity when
 * the system does not give the limit.
 */
export function openFilesMax(): number {
  const { userLimits } = process.report.getReport() as { userLimits?: { open_files?: { soft: number | string } } };
  const max = Number(userLimits?.open_files?.soft);
  return Number.isNaN(max) ? Number.POSITIVE_INFINITY : max;
}

/** Counts the files that this process has open. Undefined when the system does not give the number. */
export async function countOpenFiles(): Promise<number | undefined> {
  try {
    // From Linux 6.2 on, the size of the directory is the number of open files. Older kernels give the size 0, so the
    // directory is listed.
    return statSync(directory).size || (await readdir(directory)).length;
  } catch {
    return undefined;
  }
}

const directory = "/proc/self/fd";
