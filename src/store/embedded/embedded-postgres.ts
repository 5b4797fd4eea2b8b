/**
 * Runs a PostgreSQL in the data directory, for an installation without DATABASE_URL. One process owns the server: it
 * starts the server, starts it again when it ends, and stops it at the end.
 */

import { resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import type { Logger } from "pino";
import { connectionConfig } from "../postgres/pool.js";
import { clusterUser, openCluster } from "./cluster.js";
import { findPostmaster, type Postmaster, PostmasterBusy, startPostmaster, stopPostmaster } from "./postmaster.js";
import { scramDemand } from "./scram-socket.js";
import { makeServiceRole, serviceRole } from "./service-role.js";
import { openSocketDirectory, socketPort } from "./socket-directory.js";

export interface EmbeddedPostgres {
  /**
   * The URL of the database, with the password of the service's role. A restart of the server does not change the URL.
   */
  readonly url: string;
  /**
   * Stops PostgreSQL, unless another process owns the server. A second call does nothing and does not wait for the
   * first.
   */
  close(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  readonly dataDirectory: string;
  /**
   * What this process does in the directory: `service` or `command`. When another process finds the directory in use,
   * its error shows this word.
   */
  readonly purpose: string;
  /**
   * Whether to use the server of another process when that process owns the directory. Without `shared`, the directory
   * of such a process is refused.
   */
  readonly shared?: boolean;
  /** More settings of the PostgreSQL server, each as `name=value`. */
  readonly settings?: readonly string[];
  readonly logger: Logger;
}

const serverSettings = [
  // The server listens only on a socket in its working directory. On a network, any user of the machine could take its
  // port.
  "listen_addresses=",
  "unix_socket_directories=.",
  "max_connections=100",
  "shared_buffers=32MB",
  "wal_level=minimal",
  "max_wal_senders=0",
  "max_wal_size=256MB",
  "jit=off",
  // PostgreSQL does not log refused statements, because Eventwire itself handles their errors.
  "log_min_messages=log",
  "log_checkpoints=off",
];

/**
 * The key of an advisory lock in the database. The process whose session holds the lock owns the server and its
 * directory. The session ends with the process, even when the process is killed, so the lock is never stale.
 */
const ownerLock = 1_702_258_292;
/**
 * How long to wait for the owner of the directory to end, in milliseconds. The owner may be a predecessor that is
 * stopping. After this time the directory is refused.
 */
const ownerWaitMs = 3_000;
const settleMsMax = 30_000;
const restartDelayMsMax = 5_000;
/** PostgreSQL's error code for a wrong password. A role that does not exist gives the same code. */
const invalidPassword = "28P01";

class Taken extends Error {}

/**
 * Makes the database usable. Creates its files and starts the server where that is needed. Rejects with a sentence when
 * the directory cannot be used, when another process uses it, or when the server does not start.
 */
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
      // The lock is given back only after the server has stopped. Otherwise another process could begin to use the
      // server.
      const running = owner && findPostmaster(cluster);
      if (running !== undefined) await stopPostmaster(running.pid);
      await owner?.end().catch(() => {});
      sockets.close();
    },
  };

  /**
   * Makes this process the owner of the server and returns the session with the lock. Undefined when another process
   * owns the server and `shared` is set. Tries again for 30 s while the server is starting or stopping.
   */
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

  /**
   * Connects to the server as the role of the service. Starts the server first when it does not run. A server of an
   * older release, which listens on a network, is stopped before.
   */
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
      // The process that started the server has not created the role yet, or died before that. So this process creates
      // the role.
      if ((error as { code?: unknown }).code !== invalidPassword) throw error;
      await makeRole();
      return connect(url, name);
    }
  }

  async function makeRole(): Promise<void> {
    const client = await connect(urlOf(clusterUser, cluster.password), name);
    await makeServiceRole(client, cluster.servicePassword).finally(() => client.end());
  }

  /**
   * Stops a server that an older release started, which listens on the network and has only the superuser as its role.
   * Throws when a process of that release still uses the server.
   */
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

  /**
   * Starts the server again when it ends while this process owns it. The end of the session with the lock shows the end
   * of the server.
   */
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
  // An error needs no handling here, because the event "end" follows each error and is handled.
  client.on("error", () => {});
  await client.connect();
  return client;
}

/** Takes the lock of the owner. When another process has the lock, returns the name of that process. */
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

/** Whether the server was starting, stopping or gone at this moment, so that another attempt may succeed. */
function isPassing(error: unknown): boolean {
  if (error instanceof PostmasterBusy) return true;
  const { code, syscall } = error as { code?: unknown; syscall?: unknown };
  if (syscall === "connect" && code === "ENOENT") return true;
  if (code === "57P01" || code === "57P02" || code === "57P03" || code === "ECONNREFUSED" || code === "ECONNRESET") {
    return true;
  }
  return error instanceof Error && /Connection terminated|timeout expired/.test(error.message);
}
