/** The server process of the embedded PostgreSQL: found running, started, stopped. */

import { closeSync, openSync, readFileSync, rmSync, statSync, truncateSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Cluster } from "./cluster.js";
import { isPostmaster, isRunning, isTaken } from "./process.js";

export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  readonly ready: boolean;
}

/** Somebody else's server holds the directory or the port: look again. */
export class PostmasterBusy extends Error {}

const pollMs = 20;
const startMsMax = 60_000;
const fastStopMsMax = 10_000;
const immediateStopMsMax = 5_000;
const logBytesMax = 1024 * 1024;

/** One that a predecessor left behind, or that another process runs. */
export function findPostmaster({ data }: Pick<Cluster, "data">): Postmaster | undefined {
  const file = join(data, "postmaster.pid");
  let lines: string[];
  try {
    lines = readFileSync(file, "utf8").split("\n");
  } catch {
    return undefined;
  }
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  if (isPostmaster(pid)) return { pid, port: Number(lines[3]), ready: lines[7]?.trim() === "ready" };
  // PostgreSQL replaces the file of a process that has gone, perhaps just now: it would end without its own. But whoever
  // has the id today it would take for itself, and refuse to start.
  if (isTaken(pid)) rmSync(file, { force: true });
  return undefined;
}

/** Resolves once it takes connections. Rejects with PostmasterBusy when another start was faster. */
export async function startPostmaster(
  cluster: Cluster,
  port: number,
  settings: readonly string[],
): Promise<Postmaster> {
  const size = statSync(cluster.log, { throwIfNoEntry: false })?.size ?? 0;
  if (size > logBytesMax) truncateSync(cluster.log);
  const from = size > logBytesMax ? 0 : size;

  const log = openSync(cluster.log, "a", 0o600);
  const args = ["-D", cluster.data, "-p", String(port), ...settings.flatMap((setting) => ["-c", setting])];
  const child = cluster.unprivileged.spawn(cluster.postgres, args, ["ignore", log, log]);
  closeSync(log);
  child.unref();
  let failure: Error | undefined;
  child.on("error", (error) => {
    failure = error;
  });
  const onExit = (code: number | null, signal: NodeJS.Signals | null): void => {
    const said = readFileSync(cluster.log).subarray(from).toString();
    const reason = /FATAL: .*|could not bind .*/.exec(said)?.[0] ?? said.trim().split("\n").at(-1);
    const busy = /lock file .* already exists|shared memory block .* in use|could not bind|could not create any TCP/;
    const message = `PostgreSQL in ${cluster.data} stopped at its start (${code ?? signal}): ${reason}`;
    failure = busy.test(said) ? new PostmasterBusy(message) : new Error(message);
  };
  child.on("exit", onExit);

  for (let waited = 0; waited < startMsMax; waited += pollMs) {
    await delay(pollMs);
    if (failure !== undefined) throw failure;
    const found = findPostmaster(cluster);
    if (found?.ready && found.pid === child.pid) {
      // Its end is no failed start any more, and the log may be gone by then.
      child.off("exit", onExit);
      return found;
    }
  }
  throw new Error(`PostgreSQL in ${cluster.data} did not start within ${startMsMax / 1000} s.`);
}

/** Cuts its sessions and leaves its files clean; one that does not obey is stopped the way a crash would. */
export async function stopPostmaster(pid: number): Promise<void> {
  if (await ends(pid, "SIGINT", fastStopMsMax)) return;
  await ends(pid, "SIGQUIT", immediateStopMsMax);
}

async function ends(pid: number, signal: NodeJS.Signals, msMax: number): Promise<boolean> {
  try {
    process.kill(pid, signal);
  } catch {
    return true;
  }
  for (let waited = 0; waited < msMax; waited += pollMs) {
    if (!isRunning(pid)) return true;
    await delay(pollMs);
  }
  return false;
}

export function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.on("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => done(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
