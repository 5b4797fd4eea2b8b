/**
 * Opens connections to the database, alone and in pools. Every wait has a time limit, so a peer that vanished silently
 * costs seconds and not minutes.
 */

import { Kysely, PostgresDialect, type PostgresPool } from "kysely";
import pg from "pg";
import type { Logger } from "pino";
import { demandedStream } from "../embedded/scram-socket.js";
import { readConnectionUrl } from "./connection-url.js";
import type { Schema } from "./schema.js";

const connectMsMax = 5_000;
const statementMsMax = 10_000;
const connectionsMax = 10;
/** How long a silent connection is trusted, in milliseconds. After that the kernel asks the peer for a sign of life. */
const keepAliveMs = 10_000;

/** Makes the configuration of a connection. PostgreSQL shows `name` as the name of the application. */
export function connectionConfig(url: string, name: string): pg.ClientConfig {
  return {
    ...readConnectionUrl(url),
    ...demandedStream(url),
    application_name: name,
    connectionTimeoutMillis: connectMsMax,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveMs,
  };
}

/**
 * Opens a single connection, outside a pool, which the caller closes. Its session in PostgreSQL gets no settings, so
 * only this process ends a statement, after 10 s.
 */
export async function connectAlone(url: string, name: string): Promise<pg.Client> {
  const client = new pg.Client({ ...connectionConfig(url, name), query_timeout: statementMsMax });
  // The caller learns of an error from its queries. Without this listener the error would also end the process.
  client.on("error", () => {});
  await client.connect();
  return client;
}

export interface DatabaseOptions {
  readonly url: string;
  readonly logger: Logger;
  /**
   * Longest statement, in milliseconds; 10 s when it is absent. Raise it for work that may take longer than a client's
   * call, such as a migration.
   */
  readonly statementMs?: number;
  readonly isSession?: IsSession;
}

/**
 * Whether each connection is proved to be a session of its own in PostgreSQL. While this function returns false, a pool
 * gives no new connection to its callers but an error. A pooler in transaction mode would pass our session settings on
 * to other clients.
 */
export type IsSession = () => boolean;

export function createDatabase({
  url,
  logger,
  statementMs = statementMsMax,
  isSession,
}: DatabaseOptions): Kysely<Schema> {
  const config = { ...connectionConfig(url, "eventwire"), max: connectionsMax };
  const pool = createPool(config, logger, statementMs, isSession);
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool: withoutSilentConnections(pool) }) });
}

/**
 * Makes a pool of one connection, which is opened at its first use, and again when it is lost. Its session in
 * PostgreSQL gets no settings, so a pooler in transaction mode does no harm to others. `statementMs` limits each
 * statement and the opening.
 */
export function createLonePool(url: string, logger: Logger, statementMs: number): pg.Pool {
  const config = { ...connectionConfig(url, "eventwire nonces"), connectionTimeoutMillis: statementMs, max: 1 };
  return tolerant(new pg.Pool({ ...config, query_timeout: statementMs }), logger);
}

/** Settings of PostgreSQL for each session of a pool, by name. */
export type SessionSettings = Readonly<Record<string, string>>;

export function createPool(
  config: pg.PoolConfig,
  logger: Logger,
  statementMs: number,
  isSession: IsSession = () => true,
  settings: SessionSettings = {},
): pg.Pool {
  const pool = new pg.Pool({
    idleTimeoutMillis: 30_000,
    // The limits of a session are set by a statement, because PgBouncer refuses most parameters at the start of a
    // session.
    onConnect: async (client) => {
      if (!isSession()) throw new Error("the database has not been proved to be usable yet");
      await client.query(setSession(statementMs, settings, config.connectionTimeoutMillis ?? connectMsMax));
    },
    // The server has a shorter limit, and ends a statement first when it is still there.
    query_timeout: statementMs + 2_000,
    ...config,
  });
  return tolerant(pool, logger);
}

function tolerant(pool: pg.Pool, logger: Logger): pg.Pool {
  // The error of an idle connection that was lost. The next caller gets another connection, or an error that says why
  // there is none.
  pool.on("error", (error) => logger.debug({ err: error }, "an idle database connection was lost"));
  // A connection in use reports its error to its query, so nothing is done here. Without this listener the error would
  // end the process.
  pool.on("connect", (client) => client.on("error", () => {}));
  return pool;
}

function setSession(statementMs: number, more: SessionSettings, waitMs: number): pg.QueryConfig {
  const settings = { statement_timeout: statementMs, idle_in_transaction_session_timeout: statementMs, ...more };
  const calls = Object.entries(settings).map(([name, value]) => `set_config('${name}', '${value}', false)`);
  const text = `select ${calls.join(", ")}`;
  // A pooler accepts a connection at once. The first statement then waits until the pooler has a connection to the
  // server. So the first statement has the time limit of connecting.
  return { text, query_timeout: waitMs } as pg.QueryConfig;
}

/**
 * Makes a Kysely database on one open connection. The client must queue its statements itself (see `askInTurn`). All
 * callers share the session of the connection, so a transaction must not run while other callers use it. Destroying the
 * database does not close the client.
 */
export function databaseOn(client: pg.Client): Kysely<Schema> {
  const connection = { query: (text: string, values: unknown[]) => client.query(text, values), release() {} };
  const pool = { connect: async () => connection, end: async () => {} } as unknown as PostgresPool;
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
}

/**
 * Wraps a pool. A connection whose peer did not answer in time is thrown away when it is released. pg alone would give
 * it to the next caller.
 */
function withoutSilentConnections(pool: pg.Pool): PostgresPool {
  return {
    async connect() {
      const client = await pool.connect();
      let silent: Error | undefined;
      return {
        async query(text: string, values: unknown[]) {
          if (silent !== undefined) throw silent;
          try {
            return await client.query(text, values);
          } catch (error) {
            if (error instanceof Error && error.message === "Query read timeout") silent = error;
            throw error;
          }
        },
        release: () => client.release(silent),
      };
    },
    end: () => pool.end(),
  } as unknown as PostgresPool;
}
