/** Knows how many files this process has open and how many it may open. Each connection is a file. */

import { statSync } from "node:fs";
import { readdir } from "node:fs/promises";

/** The limit of this process, after Node.js has raised it to the hard limit. Infinity when there is none. */
export function openFilesMax(): number {
  const { userLimits } = process.report.getReport() as { userLimits?: { open_files?: { soft: number | string } } };
  const max = Number(userLimits?.open_files?.soft);
  return Number.isNaN(max) ? Number.POSITIVE_INFINITY : max;
}

/** The number of open files. Undefined when the system does not tell it. */
export async function countOpenFiles(): Promise<number | undefined> {
  try {
    // From Linux 6.2 on this costs nothing. Before, the directory has to be read.
    return statSync(directory).size || (await readdir(directory)).length;
  } catch {
    return undefined;
  }
}

const directory = "/proc/self/fd";
