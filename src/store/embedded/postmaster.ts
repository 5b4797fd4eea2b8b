/** The server process of the embedded PostgreSQL: finds it, starts it and stops it. */

import { closeSync, openSync, readdirSync, readFileSync, rmSync, statSync, truncateSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { commandOf, endProcess, isRunning, isTaken } from "../../machine/process.js";
import { type Cluster, closeCluster } from "./cluster.js";

export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  readonly ready: boolean;
  /** Whether the server listens on a network, as that of release 0.1.0 did. */
  readonly onNetwork: boolean;
}

/** Another process's server has the directory or the port. Look for it again. */
export class PostmasterBusy extends Error {}

const pollMs = 20;
const startMsMax = 60_000;
const fastStopMsMax = 10_000;
const immediateStopMsMax = 5_000;
const logBytesMax = 1024 * 1024;
/** How long PostgreSQL may take between creating its lock file and filling it. */
const fillMsMax = 2_000;

/** Finds a running server: one that a predecessor left running, or that another process runs. */
export function findPostmaster({ data }: Pick<Cluster, "data">): Postmaster | undefined {
  const file = join(data, "postmaster.pid");
  let lines: string[];
  try {
    lines = readFileSync(file, "utf8").split("\n");
  } catch {
    return undefined;
  }
  // The number is negative when somebody repairs the database in single-user mode.
  const pid = /^-?[1-9]\d{0,9}$/.test(lines[0] ?? "") ? Math.abs(Number(lines[0])) : undefined;
  if (pid === undefined) {
    removeOld(file);
    return undefined;
  }
  if (isPostmaster(pid, data)) {
    if (lines[0]?.startsWith("-")) return undefined;
    const ready = lines[7]?.trim() === "ready";
    return { pid, port: Number(lines[3]), ready, onNetwork: ready && lines[5] !== "" };
  }
  // The process of the lock file has ended. If its id is free, leave the file: PostgreSQL replaces it, perhaps at this
  // moment, and the new server would end without it. If another process has the id by now, remove the file: PostgreSQL
  // would take that process for a server and refuse to start.
  if (isTaken(pid)) rmSync(file, { force: true });
  return undefined;
}

/**
 * Whether the process is a PostgreSQL server that works in this directory. Without /proc any running process counts as
 * one.
 */
function isPostmaster(pid: number, data: string): boolean {
  if (!isRunning(pid)) return false;
  const command = commandOf(pid);
  if (command === undefined) return true;
  return basename(command[0] ?? "") === "postgres" && worksIn(pid, data);
}

/** A process that we may not look at belongs to another user, so it is not our server. */
function worksIn(pid: number, directory: string): boolean {
  try {
    const [there, here] = [statSync(`/proc/${pid}/cwd`), statSync(directory)];
    return there.dev === here.dev && there.ino === here.ino;
  } catch {
    return false;
  }
}

/**
 * Removes a lock file without content. A crash left it, unless a start is about to fill it, so it must have a certain
 * age.
 */
function removeOld(file: string): void {
  const changed = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
  if (changed !== undefined && Math.abs(Date.now() - changed) > fillMsMax) rmSync(file, { force: true });
}

/**
 * Removes the locks of sockets. If another process has the id in such a lock by now, PostgreSQL would not start.
 * `postmaster.pid` is the lock that counts.
 */
function removeSocketLocks(data: string): void {
  for (const name of readdirSync(data)) {
    if (/^\.s\.PGSQL\.\d+\.lock$/.test(name)) rmSync(join(data, name), { force: true });
  }
}

/**
 * Starts the server. Resolves when it accepts connections. Rejects with PostmasterBusy when another start was faster.
 */
export async function startPostmaster(
  cluster: Cluster,
  port: number,
  settings: readonly string[],
): Promise<Postmaster> {
  const size = statSync(cluster.log, { throwIfNoEntry: false })?.size ?? 0;
  if (size > logBytesMax) truncateSync(cluster.log);
  const from = size > logBytesMax ? 0 : size;

  const log = openSync(cluster.log, "a", 0o600);
  if (findPostmaster(cluster) === undefined) {
    removeSocketLocks(cluster.data);
    closeCluster(cluster);
  }
  const directory = cluster.unprivileged.here(cluster.data);
  const args = ["-D", directory, "-p", String(port), ...settings.flatMap((setting) => ["-c", setting])];
  const child = cluster.unprivileged.spawn(cluster.postgres, args, cluster.data, ["ignore", log, log]);
  closeSync(log);
  child.unref();
  let failure: Error | undefined;
  child.on("error", (error) => {
    failure = error;
  });
  const onExit = (code: number | null, signal: NodeJS.Signals | null): void => {
    const said = readFileSync(cluster.log).subarray(from).toString();
    const reason = /FATAL: .*|could not bind .*/.exec(said)?.[0] ?? said.trim().split("\n").at(-1);
    const busy =
      /lock file .* (already exists|is empty)|bogus data in lock file|shared memory block .* in use|could not bind|could not create any (TCP|Unix)/;
    const message = `PostgreSQL in ${cluster.data} stopped at its start (${code ?? signal}): ${reason}`;
    failure = busy.test(said) ? new PostmasterBusy(message) : new Error(message);
  };
  child.on("exit", onExit);

  for (let waited = 0; waited < startMsMax; waited += pollMs) {
    await delay(pollMs);
    if (failure !== undefined) throw failure;
    const found = findPostmaster(cluster);
    if (found?.ready && found.pid === child.pid) {
      // From here on an exit is not a failed start, and the log file may be gone by then.
      child.off("exit", onExit);
      return found;
    }
  }
  throw new Error(`PostgreSQL in ${cluster.data} did not start within ${startMsMax / 1000} s.`);
}

/** Stops the server, cutting its sessions. If it does not stop in time, it is stopped as by a crash. */
export async function stopPostmaster(pid: number): Promise<void> {
  if (await endProcess(pid, "SIGINT", fastStopMsMax)) return;
  await endProcess(pid, "SIGQUIT", immediateStopMsMax);
}
