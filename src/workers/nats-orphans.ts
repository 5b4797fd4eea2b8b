/** Ends each nats-server whose primary process was killed, and removes its files. */

import { readdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { allProcesses, commandOf, endProcess, parentOf } from "../machine/process.js";

/**
 * The name that a primary process gives to its nats-servers. The name holds the process id of the primary, and is new at
 * every start of the primary.
 */
export function natsName(primary: number, random: string): string {
  return `eventwire-${primary}-${random}`;
}

const stopMsMax = 5_000;

/** `directory`: has a directory for each primary process that ever started a nats-server, by its `natsName`. */
export async function endOrphans(directory: string): Promise<void> {
  for (const name of readdirSync(directory)) {
    const primary = Number(/^eventwire-(\d+)-/.exec(name)?.[1]);
    const pid = findNatsServer(name);
    // A nats-server gets another parent when its primary has ended. So a process that has the primary's id by now is
    // not its parent.
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
