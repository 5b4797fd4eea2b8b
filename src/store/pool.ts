/** Connections to the database, every wait bounded: a peer that vanished without a word costs seconds, not minutes. */

import { Kysely, PostgresDialect, type PostgresPool } from "kysely";
import pg from "pg";
import type { Logger } from "pino";
import { readConnectionUrl } from "./connection-url.js";
import type { Schema } from "./schema.js";
import { demandedStream } from "./scram-socket.js";

const connectMsMax = 5_000;
const statementMsMax = 10_000;
const connectionsMax = 10;
/** How long a silent connection is trusted before the kernel asks the peer. */
const keepAliveMs = 10_000;

/** For a connection that is used alone. */
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

/** Connected, and bounded by this process alone: its session gets no settings. */
export async function connectAlone(url: string, name: string): Promise<pg.Client> {
  const client = new pg.Client({ ...connectionConfig(url, name), query_timeout: statementMsMax });
  // Whoever has it learns from its queries.
  client.on("error", () => {});
  await client.connect();
  return client;
}

export interface DatabaseOptions {
  readonly url: string;
  readonly logger: Logger;
  /** For what may take longer than a call of a client: migrations, and waiting for those of another node. */
  readonly statementMs?: number;
  readonly isSession?: IsSession;
}

/**
 * Whether a connection has been proved to be a session. Until then a pool makes none: a pooler in transaction mode would
 * hand the settings of ours to others.
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

/** One connection, made again when it is lost, whose session gets no settings. */
export function createLonePool(url: string, logger: Logger, statementMs: number): pg.Pool {
  const config = { ...connectionConfig(url, "eventwire nonces"), connectionTimeoutMillis: statementMs, max: 1 };
  return tolerant(new pg.Pool({ ...config, query_timeout: statementMs }), logger);
}

export function createPool(
  config: pg.PoolConfig,
  logger: Logger,
  statementMs: number,
  isSession: IsSession = () => true,
): pg.Pool {
  const pool = new pg.Pool({
    idleTimeoutMillis: 30_000,
    // Not with the start of the session: PgBouncer refuses most settings there.
    onConnect: async (client) => {
      if (!isSession()) throw new Error("the database has not been proved to be usable yet");
      await client.query(boundSession(statementMs, config.connectionTimeoutMillis ?? connectMsMax));
    },
    // The server ends a statement first, if there still is one.
    query_timeout: statementMs + 2_000,
    ...config,
  });
  return tolerant(pool, logger);
}

function tolerant(pool: pg.Pool, logger: Logger): pg.Pool {
  // An idle connection was lost. The next caller gets another one, or says why there is none.
  pool.on("error", (error) => logger.debug({ err: error }, "an idle database connection was lost"));
  // In use, it has told its query so; without somebody who listens, this would end the process.
  pool.on("connect", (client) => client.on("error", () => {}));
  return pool;
}

function boundSession(statementMs: number, waitMs: number): pg.QueryConfig {
  const settings = ["statement_timeout", "idle_in_transaction_session_timeout"];
  const text = `select ${settings.map((name) => `set_config('${name}', '${statementMs}', false)`).join(", ")}`;
  // A pooler takes the connection at once, and lets the first statement wait for one of its own.
  return { text, query_timeout: waitMs } as pg.QueryConfig;
}

/** Of one connection, whose statements come one after the other. */
export function databaseOn(client: pg.Client): Kysely<Schema> {
  const connection = { query: (text: string, values: unknown[]) => client.query(text, values), release() {} };
  const pool = { connect: async () => connection, end: async () => {} } as unknown as PostgresPool;
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
}

/** A connection whose peer did not answer in time is thrown away; pg would hand it to the next caller. */
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
