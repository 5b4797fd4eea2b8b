/** A real PostgreSQL of our own in the data directory, for those who give no DATABASE_URL. */

import { resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import type { Logger } from "pino";
import { clusterUser, openCluster } from "./cluster.js";
import { connectionConfig } from "./pool.js";
import { findPostmaster, type Postmaster, PostmasterBusy, startPostmaster, stopPostmaster } from "./postmaster.js";
import { scramDemand } from "./scram-socket.js";
import { makeServiceRole, serviceRole } from "./service-role.js";
import { openSocketDirectory, socketPort } from "./socket-directory.js";

export interface EmbeddedPostgres {
  /** Stays the same for as long as it is open, over restarts of the server too. */
  readonly url: string;
  /** Stops the server, unless another process is its owner. */
  close(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  readonly dataDirectory: string;
  /** Told to whoever finds the directory taken. */
  readonly purpose: string;
  /** Use the server of the process that owns the directory, if there is one, in place of refusing. */
  readonly shared?: boolean;
  /** Further `name=value` settings of the server. */
  readonly settings?: readonly string[];
  readonly logger: Logger;
}

const serverSettings = [
  // No network, where anybody on the machine could wait for its port: a socket in the directory that it works in.
  "listen_addresses=",
  "unix_socket_directories=.",
  "max_connections=100",
  "shared_buffers=32MB",
  "wal_level=minimal",
  "max_wal_senders=0",
  "max_wal_size=256MB",
  "jit=off",
  // Refused statements are our answers, not the operator's concern.
  "log_min_messages=log",
  "log_checkpoints=off",
];

/**
 * A session lock in the database itself says who owns the directory: the kernel ends the session with its process,
 * however that ends, so there is never a stale lock to judge.
 */
const ownerLock = 1_702_258_292;
/** Long enough for a predecessor that is stopping. */
const ownerWaitMs = 3_000;
const settleMsMax = 30_000;
const restartDelayMsMax = 5_000;
/** Also of a role that does not exist. */
const invalidPassword = "28P01";

class Taken extends Error {}

export async function openEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { logger, purpose, shared = false } = options;
  const directory = resolve(options.dataDirectory);
  const cluster = await openCluster(directory);
  const sockets = openSocketDirectory(cluster.data);
  const settings = [...serverSettings, ...(options.settings ?? [])];
  const name = `eventwire ${purpose}, process ${process.pid}`;
  const host = encodeURIComponent(sockets.path);
  const urlOf = (user: string, password: string) =>
    `postgres://${user}:${password}@${host}:${socketPort}/postgres?${scramDemand}`;
  const url = urlOf(serviceRole, cluster.servicePassword);
  let closing = false;
  let restarting: Promise<void> | undefined;
  let owner = await own().catch((error: unknown) => {
    sockets.close();
    throw error;
  });
  watch();

  return {
    url,
    async close() {
      if (closing) return;
      closing = true;
      await restarting;
      // The lock is not given back before the server has stopped: nobody may start to use it now.
      const running = owner && findPostmaster(cluster);
      if (running !== undefined) await stopPostmaster(running.pid);
      await owner?.end().catch(() => {});
      sockets.close();
    },
  };

  /** Undefined when the server is another process's and may be shared. */
  async function own(): Promise<pg.Client | undefined> {
    const start = Date.now();
    for (;;) {
      try {
        const client = await reach();
        const holder = await lock(client);
        if (holder === undefined) return client;
        await client.end();
        if (shared) return undefined;
        if (Date.now() - start > ownerWaitMs) throw taken(holder);
      } catch (error) {
        const final = closing || error instanceof Taken || Date.now() - start > settleMsMax;
        if (final || !isPassing(error)) throw error;
      }
      await delay(100);
    }
  }

  /** A session of the service, on a server that listens on its socket alone. */
  async function reach(): Promise<pg.Client> {
    const running = findPostmaster(cluster);
    if (running?.onNetwork) await stopOlder(running);
    if (running === undefined || running.onNetwork) {
      await startPostmaster(cluster, socketPort, settings);
      await makeRole();
    }
    try {
      return await connect(url, name);
    } catch (error) {
      // Whoever started the server has not made it yet, or did not live to.
      if ((error as { code?: unknown }).code !== invalidPassword) throw error;
      await makeRole();
      return connect(url, name);
    }
  }

  async function makeRole(): Promise<void> {
    const client = await connect(urlOf(clusterUser, cluster.password), name);
    await makeServiceRole(client, cluster.servicePassword).finally(() => client.end());
  }

  /** The server of a release that reached it over the network, as its superuser. It is left alone while that one lives. */
  async function stopOlder({ pid, port }: Postmaster): Promise<void> {
    const client = await connect(
      `postgres://${clusterUser}:${cluster.password}@127.0.0.1:${port}/postgres?${scramDemand}`,
      name,
    );
    try {
      const holder = await lock(client);
      if (holder !== undefined) throw taken(holder);
      await stopPostmaster(pid);
    } finally {
      await client.end().catch(() => {});
    }
  }

  function taken(holder: string): Taken {
    return new Taken(`The data directory ${directory} is in use by another process: ${holder}.`);
  }

  /** Brings the server back when it ends while we own it. */
  function watch(): void {
    owner?.once("end", () => {
      if (!closing) restarting = restart();
    });
  }

  async function restart(): Promise<void> {
    for (let wait = 100; !closing; wait = Math.min(wait * 2, restartDelayMsMax)) {
      logger.warn({ directory }, "the embedded PostgreSQL has stopped: starting it again");
      try {
        owner = await own();
        return watch();
      } catch (error) {
        logger.error({ err: error }, "the embedded PostgreSQL does not start");
      }
      await delay(wait);
    }
  }
}

async function connect(url: string, name: string): Promise<pg.Client> {
  const client = new pg.Client(connectionConfig(url, name));
  // What ends the session is told by its end.
  client.on("error", () => {});
  await client.connect();
  return client;
}

/** Takes the owner's lock, or says who has it. */
async function lock(client: pg.Client): Promise<string | undefined> {
  const taken = await client.query("select pg_try_advisory_lock($1) as taken", [ownerLock]);
  if (taken.rows[0].taken) return undefined;
  const holder = await client.query(
    `select a.application_name as name from pg_locks l join pg_stat_activity a using (pid)
     where l.locktype = 'advisory' and l.granted and l.objid = $1`,
    [ownerLock],
  );
  return holder.rows[0]?.name ?? "unknown";
}

/** A server that is starting, stopping or gone while we look. */
function isPassing(error: unknown): boolean {
  if (error instanceof PostmasterBusy) return true;
  const { code, syscall } = error as { code?: unknown; syscall?: unknown };
  if (syscall === "connect" && code === "ENOENT") return true;
  if (code === "57P01" || code === "57P02" || code === "57P03" || code === "ECONNREFUSED" || code === "ECONNRESET") {
    return true;
  }
  return error instanceof Error && /Connection terminated|timeout expired/.test(error.message);
}
