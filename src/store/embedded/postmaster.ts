/** Finds, starts and stops the server process of the embedded PostgreSQL. */

import { closeSync, openSync, readdirSync, readFileSync, rmSync, statSync, truncateSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { commandOf, endProcess, isRunning, isTaken } from "../../machine/process.js";
import { type Cluster, closeCluster } from "./cluster.js";

export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  /** Whether the server accepts connections. */
  readonly ready: boolean;
  /** Whether the server listens on a network, as the server of release 0.1.0 did. False until the server is ready. */
  readonly onNetwork: boolean;
}

/**
 * The error for a server that did not start, because another process's server has the directory or its socket. The
 * caller looks for that server.
 */
export class PostmasterBusy extends Error {}

const pollMs = 20;
const startMsMax = 60_000;
const fastStopMsMax = 10_000;
const immediateStopMsMax = 5_000;
const logBytesMax = 1024 * 1024;
/** How long PostgreSQL may take from creating its lock file to filling it, in milliseconds. */
const fillMsMax = 2_000;

/**
 * Finds the running server of a directory, which may have been started by a predecessor or by another process.
 * Undefined when no server runs there. Removes a lock file that would keep a new server from starting.
 */
export function findPostmaster({ data }: Pick<Cluster, "data">): Postmaster | undefined {
  const file = join(data, "postmaster.pid");
  let lines: string[];
  try {
    lines = readFileSync(file, "utf8").split("\n");
  } catch {
    return undefined;
  }
  // The process id in the lock file is negative while somebody repairs the database in single-user mode. Such a process
  // is no server that clients can use.
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
  // The server that wrote the lock file has ended. When no process has its id, the file stays: a new server may be
  // replacing the file at this moment, and would end if the file vanished. When another process has the id by now, the
  // file is removed, because PostgreSQL would take that process for a server and refuse to start.
  if (isTaken(pid)) rmSync(file, { force: true });
  return undefined;
}

/**
 * Whether the process is a PostgreSQL server that works in this directory. On a system without /proc, any running
 * process with this id counts as that server.
 */
function isPostmaster(pid: number, data: string): boolean {
  if (!isRunning(pid)) return false;
  const command = commandOf(pid);
  if (command === undefined) return true;
  return basename(command[0] ?? "") === "postgres" && worksIn(pid, data);
}

/**
 * Whether the process works in the directory. False when the system does not let us look: then the process belongs to
 * another user and is not our server.
 */
function worksIn(pid: number, directory: string): boolean {
  try {
    const [there, here] = [statSync(`/proc/${pid}/cwd`), statSync(directory)];
    return there.dev === here.dev && there.ino === here.ino;
  } catch {
    return false;
  }
}

/**
 * Removes a lock file without a process id, which a crash has left. A file that changed in the last two seconds stays,
 * because a server that starts may be about to fill it.
 */
function removeOld(file: string): void {
  const changed = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
  if (changed !== undefined && Math.abs(Date.now() - changed) > fillMsMax) rmSync(file, { force: true });
}

/**
 * Removes the lock files of sockets. PostgreSQL would not start if another process had by now the id in such a file.
 * Call this only when no server runs: only `postmaster.pid` tells that.
 */
function removeSocketLocks(data: string): void {
  for (const name of readdirSync(data)) {
    if (/^\.s\.PGSQL\.\d+\.lock$/.test(name)) rmSync(join(data, name), { force: true });
  }
}

/**
 * Starts PostgreSQL. Resolves when the server accepts connections. Rejects with PostmasterBusy when another server has
 * the directory or the socket, and with another error when the server ends or needs more than 60 s.
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
      // The start has succeeded. A later exit is not a failed start, and the log file may be gone then.
      child.off("exit", onExit);
      return found;
    }
  }
  throw new Error(`PostgreSQL in ${cluster.data} did not start within ${startMsMax / 1000} s.`);
}

/**
 * Stops the server and cuts its sessions. Resolves when the server has ended. After ten seconds the server gets
 * SIGQUIT, and then ends as in a crash; for that this function waits five more seconds.
 */
export async function stopPostmaster(pid: number): Promise<void> {
  if (await endProcess(pid, "SIGINT", fastStopMsMax)) return;
  await endProcess(pid, "SIGQUIT", immediateStopMsMax);
}
