/** Ends each orphan, a nats-server whose primary process has gone, and removes the files of the orphan. */

import { readdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { allProcesses, commandOf, endProcess, parentOf } from "../machine/process.js";

/**
 * Makes the name of a nats-server. The name holds the process id of the primary process that starts it. `random` makes
 * the name differ at every start.
 */
export function natsName(primary: number, random: string): string {
  return `eventwire-${primary}-${random}`;
}

const stopMsMax = 5_000;

/**
 * Ends every orphan and resolves when they have ended. `directory` has one directory for each primary process that
 * started a nats-server, named by its `natsName`. The directory of a nats-server that is in use stays; all others are
 * removed.
 */
export async function endOrphans(directory: string): Promise<void> {
  for (const name of readdirSync(directory)) {
    const primary = Number(/^eventwire-(\d+)-/.exec(name)?.[1]);
    const pid = findNatsServer(name);
    // A nats-server whose parent is still its primary process is in use. When the primary process ends, the system
    // gives the nats-server another parent. So another process that has the same id later is not mistaken for the
    // primary process.
    if (pid !== undefined && parentOf(pid) === primary && primary !== process.pid) continue;
    if (pid !== undefined && !(await endProcess(pid, "SIGTERM", stopMsMax)))
      await endProcess(pid, "SIGKILL", stopMsMax);
    rmSync(join(directory, name), { recursive: true, force: true });
  }
}

function findNatsServer(name: string): number | undefined {
  return allProcesses().find((pid) => {
    const [program = "", ...args] = commandOf(pid) ?? [];
    return basename(program) === "nats-server" && args.includes(name);
  });
}
