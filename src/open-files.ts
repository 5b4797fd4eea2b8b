/** How many files this process has open, of how many that it may have. Each connection is one. */

import { statSync } from "node:fs";
import { readdir } from "node:fs/promises";

/** Of this process, after Node.js has raised it to the hard limit at its start. Infinity where there is none. */
export function openFilesMax(): number {
  const { userLimits } = process.report.getReport() as { userLimits?: { open_files?: { soft: number | string } } };
  const max = Number(userLimits?.open_files?.soft);
  return Number.isNaN(max) ? Number.POSITIVE_INFINITY : max;
}

/** Undefined where the system does not tell. */
export async function countOpenFiles(): Promise<number | undefined> {
  try {
    // Linux says it at no cost from 6.2 on; before, the directory has to be read.
    return statSync(directory).size || (await readdir(directory)).length;
  } catch {
    return undefined;
  }
}

const directory = "/proc/self/fd";
