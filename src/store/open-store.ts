/** Opens the store: finds or starts its database, prepares it, and keeps the directory equal to it. */

import type { Logger } from "pino";
import type { Change, Replica } from "../directory/replica.js";
import { type Changes, startChanges } from "./changes.js";
import { hasCluster } from "./cluster.js";
import { openEmbeddedPostgres } from "./embedded-postgres.js";
import { givenKey, keyFromFile } from "./encryption-key.js";
import { connectAlone, createDatabase, createLonePool } from "./pool.js";
import { createPostgresStore } from "./postgres-store.js";
import { PreparationError, prepareAccount, prepareSchema } from "./preparation.js";
import { createRateCounters } from "./rate-counters.js";
import { requireDatabase } from "./requirements.js";
import { createAttempts, reasonOf } from "./retrying.js";
import { createSealer } from "./sealing.js";
import { type BusChoice, createSharedBus } from "./shared-bus.js";
import { createStaleness, Unfollowed } from "./staleness.js";
import type { RateCounters, Store } from "./store.js";
import { createWritability } from "./writability.js";

export interface DatabaseChoice {
  /** Absent: a PostgreSQL of our own in `dataDir`. */
  readonly databaseUrl: string | undefined;
  readonly dataDir: string;
  /** 32 bytes; absent: a key file in `dataDir`. */
  readonly encryptionKey: Buffer | undefined;
  readonly accountInstanceQuota: number;
  readonly logger: Logger;
}

export interface StoreOptions extends DatabaseChoice {
  /** Told about everything that changes in the database, on whatever node. */
  readonly directory: Replica;
  readonly accountToken: string | undefined;
  /** Asked before the first account is made: a start that fails must not have shown a token. */
  readonly beforeFirstAccount?: () => Promise<void>;
  /** Hears the token of the account that the first start makes: the only time that it can be seen. */
  readonly onFirstAccount: (token: string) => void;
  /** Further processes that must look like one with this: what a write changed is in force there too when it resolves. */
  readonly others?: OtherProcesses | undefined;
  /** The bus that all nodes on this database have to share. Absent: nobody looks at that. */
  readonly bus?: BusChoice | undefined;
}

export interface OtherProcesses {
  /** Resolves when all of them have followed the change, or have had their time. */
  follow(change: Change): Promise<void>;
  answerChanges(follow: (change: Change) => Promise<void>): void;
}

export interface OpenStore {
  readonly store: Store;
  /** Costs nothing until it is asked. */
  readonly rateCounters: RateCounters;
  /**
   * Resolves when the directory has been read. Until then the database is tried again and again; it rejects only with
   * what an operator has to change, in a sentence that says so.
   */
  readonly ready: Promise<void>;
  /** Also closes the store and, when it is our own, the database. */
  close(): Promise<void>;
}

const closeMsMax = 2_000;
/** For a connection, and again for the notification. */
const nonceMsMax = 2_000;

/** Resolves before a database elsewhere has answered. Rejects when the data directory can not be used. */
export async function openStore(options: StoreOptions): Promise<OpenStore> {
  const { directory, logger, accountToken, onFirstAccount, others } = options;
  const { url, key, closeServer } = await openParts(options, "service");
  const sealer = createSealer(key.read);
  const staleness = createStaleness(directory, logger);
  let proved = false;
  let failed = false;
  const isSession = () => proved && !staleness.withoutSessions;
  const db = createDatabase({ url, logger, isSession });
  const rateCounters = createRateCounters({ url, logger, isSession });
  const nonces = createLonePool(url, logger, nonceMsMax);
  const closing = new AbortController();
  let changes: Changes | undefined;

  const opening = open();
  // Whoever does not wait for it must not fall over it.
  opening.catch(() => {});

  async function open(): Promise<void> {
    await prepare();
    if (closing.signal.aborted) return;
    const tell = (text: string, values: string[]) => nonces.query(text, values);
    const sharedBus = options.bus && createSharedBus(options.bus, logger);
    changes = startChanges({ url, tell, staleness, sealer, logger, directory, sharedBus });
    await changes.begun;
  }

  async function beforeFirstAccount(): Promise<void> {
    const closed = new Promise<void>((done) => closing.signal.addEventListener("abort", () => done()));
    await Promise.race([options.beforeFirstAccount?.(), closed]);
    closing.signal.throwIfAborted();
  }

  async function prepare(): Promise<void> {
    const attempts = createAttempts({
      logger,
      failure: "the database can not be used",
      success: "the database can be used",
      signal: closing.signal,
    });
    while (!closing.signal.aborted) {
      try {
        await onPatientDatabase(url, options, async (patient) => {
          proved = true;
          await prepareSchema(patient, key);
          await prepareAccount({ db: patient, logger, accountToken, beforeFirstAccount, onFirstAccount });
        });
        return attempts.succeeded();
      } catch (error) {
        if (error instanceof PreparationError) throw error;
        if (closing.signal.aborted) return;
        failed = true;
        if (error instanceof Unfollowed) staleness.failed(error);
        await attempts.failed(error);
      }
    }
  }

  async function follow(change: Change): Promise<void> {
    // Until then nothing is known that could be out of date.
    await changes?.follow(change);
  }
  others?.answerChanges(follow);

  let closed: Promise<void> | undefined;
  async function close(): Promise<void> {
    closing.abort();
    await changes?.close();
    await bounded(opening.catch(() => {}));
    await bounded(rateCounters.close());
    await bounded(nonces.end());
    await bounded(db.destroy());
    await closeServer();
  }

  const store = createPostgresStore({
    db,
    sealer,
    accountInstanceQuota: options.accountInstanceQuota,
    follow: async (change) => void (await Promise.all([follow(change), others?.follow(change)])),
    isReady: () => directory.ready,
    writability: createWritability({ connect: () => connectAlone(url, "eventwire health"), logger }),
    trouble() {
      if (directory.stale) return "unheard";
      return proved ? undefined : failed ? "unreachable" : "starting";
    },
    close: () => (closed ??= close()),
  });
  return { store, rateCounters, ready: opening, close: store.close };
}

/** For one command: without a directory, on the database of a running service if there is one. */
export async function openCommandStore(options: DatabaseChoice): Promise<Store> {
  const { logger, accountInstanceQuota } = options;
  const { url, key, closeServer } = await openParts(options, "command");
  try {
    await onPatientDatabase(url, options, (patient) => prepareSchema(patient, key));
  } catch (cause) {
    await closeServer();
    if (cause instanceof PreparationError) throw cause;
    throw new Error(`The database can not be used: ${reasonOf(cause)}.`, { cause });
  }
  const db = createDatabase({ url, logger });
  return createPostgresStore({
    db,
    sealer: createSealer(key.read),
    accountInstanceQuota,
    follow: async () => {},
    isReady: () => true,
    close: async () => {
      await bounded(db.destroy());
      await closeServer();
    },
  });
}

/**
 * Where the database is, started when it is our own, and the key of its tokens. Only the service makes what is missing: a
 * command in the wrong directory would show an empty database.
 */
export async function openParts(
  { databaseUrl, dataDir, encryptionKey, logger }: DatabaseChoice,
  purpose: "service" | "command",
) {
  const isCommand = purpose === "command";
  if (databaseUrl === undefined && isCommand && !hasCluster(dataDir)) {
    throw new Error(
      `There is no database in the data directory ${dataDir}: set DATA_DIR or DATABASE_URL as for the service, which makes it at its first start.`,
    );
  }
  const key = encryptionKey === undefined ? await keyFromFile(dataDir, !isCommand) : givenKey(encryptionKey);
  if (databaseUrl !== undefined) return { url: databaseUrl, key, closeServer: async () => {} };
  const server = await openEmbeddedPostgres({ dataDirectory: dataDir, purpose, shared: isCommand, logger });
  return { url: server.url, key, closeServer: () => server.close() };
}

/** Statements may take longer here: a migration, or waiting for another node that is at it. */
export async function onPatientDatabase<T>(
  url: string,
  { logger }: DatabaseChoice,
  work: (patient: ReturnType<typeof createDatabase>) => Promise<T>,
): Promise<T> {
  await requireDatabase(url);
  const patient = createDatabase({ url, logger, statementMs: 60_000 });
  try {
    return await work(patient);
  } finally {
    await bounded(patient.destroy());
  }
}

/** A connection that does not end is left behind. */
async function bounded(ending: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((done) => {
    timer = setTimeout(done, closeMsMax);
  });
  await Promise.race([ending, late]).finally(() => clearTimeout(timer));
}
