/** How much memory this process may use. */

import { totalmem } from "node:os";

/** The limit of the control group (cgroup) that the process runs in, or the machine's memory when that is less. In bytes. */
export function memoryLimitBytes(): number {
  const limit = process.constrainedMemory();
  // Node.js answers 0 where there is no control group, and a number beyond any machine where the group has no limit.
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
