/** Finds out how much memory this process may use. */

import { totalmem } from "node:os";

/**
 * The memory limit of the process's control group (cgroup) or the memory of the machine, whichever is less, in bytes.
 */
export function memoryLimitBytes(): number {
  const limit = process.constrainedMemory();
  // Node.js answers 0 when there is no control group, and a number larger than any machine when the group has no limit.
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
