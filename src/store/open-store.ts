/**
 * Opens the store, for the service or for one command. For the service it finds or starts the database, prepares it,
 * and makes the directory follow its changes.
 */

import type { Logger } from "pino";
import type { Change, SyncedDirectory } from "../directory/synced-directory.js";
import { hasCluster } from "./embedded/cluster.js";
import { openEmbeddedPostgres } from "./embedded/embedded-postgres.js";
import { givenKey, keyFromFile } from "./encryption/encryption-key.js";
import { createSealer } from "./encryption/sealing.js";
import type { IdempotencyKeys } from "./idempotency-keys.js";
import { createBackoff, reasonOf } from "./postgres/backoff.js";
import { type Changes, startChanges } from "./postgres/change-feed.js";
import { createIdempotencyKeys } from "./postgres/idempotency-keys.js";
import { createWriting } from "./postgres/notify-transaction.js";
import { connectAlone, createDatabase, createLonePool } from "./postgres/pool.js";
import { createPostgresStore } from "./postgres/postgres-store.js";
import { PreparationError, prepareAccount, prepareSchema } from "./postgres/preparation.js";
import { createRateCounters } from "./postgres/rate-counters.js";
import { requireDatabase } from "./postgres/requirements.js";
import { type BusChoice, createSharedBus } from "./postgres/shared-bus.js";
import { createStaleness, Unfollowed } from "./postgres/staleness.js";
import { createTicketStore } from "./postgres/tickets.js";
import type { WebhookNews } from "./postgres/webhook-news.js";
import { createWebhookQueue } from "./postgres/webhook-queue.js";
import { createWritability } from "./postgres/writability.js";
import type { RateCounters, Store, TicketStore } from "./store.js";
import type { WebhookQueue } from "./webhook-queue.js";

export interface DatabaseChoice {
  /** URL of the database. Undefined means the embedded PostgreSQL in `dataDir`. */
  readonly databaseUrl: string | undefined;
  readonly dataDir: string;
  /** Key of 32 bytes that encrypts instance tokens. Undefined means the key file in `dataDir`. */
  readonly encryptionKey: Buffer | undefined;
  readonly accountInstanceQuota: number;
  readonly logger: Logger;
}

export interface StoreOptions extends DatabaseChoice {
  /**
   * The directory to keep up to date. It gets every change of accounts, instances, tokens and configurations, whichever
   * node made the change.
   */
  readonly directory: SyncedDirectory;
  readonly accountToken: string | undefined;
  /**
   * Awaited before the first account is created without ACCOUNT_TOKEN and its token is shown, because a start that
   * fails must not have shown a token.
   */
  readonly beforeFirstAccount?: () => Promise<void>;
  /**
   * Called with the token of the account that the first start without ACCOUNT_TOKEN creates. The token cannot be seen
   * again.
   */
  readonly onFirstAccount: (token: string) => void;
  /**
   * The other workers of this machine. A write resolves only when they have applied its change too, or after their time
   * limit.
   */
  readonly others?: OtherProcesses | undefined;
  /**
   * The bus of this node. All nodes on the database have to share it, which is checked before the directory is read.
   * Without `bus`, nothing is checked.
   */
  readonly bus?: BusChoice | undefined;
}

export interface OtherProcesses {
  /** Asks the other workers to apply a change. Resolves when all have tried, or after a time limit. */
  follow(change: Change): Promise<void>;
  /** Sets the function that applies a change of another worker to the directory of this one. */
  answerChanges(follow: (change: Change) => Promise<void>): void;
}

export interface OpenStore {
  readonly store: Store;
  /** Counts calls for all nodes on the database. It opens no connection before the first count. */
  readonly rateCounters: RateCounters;
  /** Keeps the tickets. It opens no connection before the first ticket. */
  readonly tickets: TicketStore;
  /** The idempotency keys of all nodes on the database. */
  readonly idempotencyKeys: IdempotencyKeys;
  readonly webhookQueue: WebhookQueue;
  /** Sets the one listener for what any node, also this one, tells all nodes of webhooks. It must not throw. */
  watchWebhooks(listener: (news: WebhookNews) => void): void;
  /**
   * Resolves when the directory has read the database, or when the store is closed. Until then the node tries again and
   * again. Rejects only when an operator has to change something, with an error that says in one sentence what.
   */
  readonly ready: Promise<void>;
  /**
   * Closes the store, and stops the database when it is the embedded one. A second call returns the promise of the
   * first.
   */
  close(): Promise<void>;
}

const closeMsMax = 2_000;
/**
 * How long the connection that proves the hearing may take to open, in milliseconds, and how long each of its
 * statements may take: see `hearing.ts`.
 */
const nonceMsMax = 2_000;

/**
 * Opens the store for the service. Resolves without waiting for the database in DATABASE_URL: see `ready`. Waits for
 * the start of the embedded database. Rejects when the data directory or the key file cannot be used, or when the
 * embedded database does not start.
 */
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
  const tickets = createTicketStore({ url, logger, isSession });
  const idempotencyKeys = createIdempotencyKeys({ url, logger, isSession });
  const nonces = createLonePool(url, logger, nonceMsMax);
  const closing = new AbortController();
  let changes: Changes | undefined;
  let webhookListener: (news: WebhookNews) => void = () => {};

  const opening = open();
  // A rejection of `ready` would end the process when no caller awaits `ready`. This handler prevents that.
  opening.catch(() => {});

  async function open(): Promise<void> {
    await prepare();
    if (closing.signal.aborted) return;
    const tell = (text: string, values: string[]) => nonces.query(text, values);
    const sharedBus = options.bus && createSharedBus(options.bus, logger);
    const onWebhooks = (news: WebhookNews) => webhookListener(news);
    changes = startChanges({ url, tell, staleness, sealer, logger, directory, sharedBus, onWebhooks });
    await changes.begun;
  }

  async function beforeFirstAccount(): Promise<void> {
    const closed = new Promise<void>((done) => closing.signal.addEventListener("abort", () => done()));
    await Promise.race([options.beforeFirstAccount?.(), closed]);
    closing.signal.throwIfAborted();
  }

  async function prepare(): Promise<void> {
    const attempts = createBackoff({
      logger,
      failure: "the database cannot be used",
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
    // `changes` is undefined until the database is prepared. Until then the directory is empty, and holds nothing that
    // a change could make wrong.
    await changes?.follow(change);
  }
  others?.answerChanges(follow);

  let closed: Promise<void> | undefined;
  async function close(): Promise<void> {
    closing.abort();
    await changes?.close();
    await bounded(opening.catch(() => {}));
    await bounded(rateCounters.close());
    await bounded(tickets.close());
    await bounded(idempotencyKeys.close());
    await bounded(nonces.end());
    await bounded(db.destroy());
    await closeServer();
  }

  const followEverywhere = async (change: Change) => void (await Promise.all([follow(change), others?.follow(change)]));
  const writability = createWritability({ connect: () => connectAlone(url, "eventwire health"), logger });
  const write = createWriting({ db, follow: followEverywhere, observe: writability.observe });
  const store = createPostgresStore({
    db,
    write,
    sealer,
    accountInstanceQuota: options.accountInstanceQuota,
    isReady: () => directory.ready,
    writability,
    trouble() {
      if (directory.stale) return "unheard";
      return proved ? undefined : failed ? "unreachable" : "starting";
    },
    close: () => (closed ??= close()),
  });
  const webhookQueue = createWebhookQueue({ db, write, sealer });
  return {
    ...{ store, rateCounters, idempotencyKeys, tickets, webhookQueue, ready: opening, close: store.close },
    watchWebhooks(listener) {
      webhookListener = listener;
    },
  };
}

/**
 * Opens the store for one command of the command line, without a directory. Waits for the database, and rejects with a
 * sentence when it cannot be used. Without DATABASE_URL, the command uses the embedded database that a running service
 * has started, or starts it for itself.
 */
export async function openCommandStore(options: DatabaseChoice): Promise<Store> {
  const { logger, accountInstanceQuota } = options;
  const { url, key, closeServer } = await openParts(options, "command");
  try {
    await onPatientDatabase(url, options, (patient) => prepareSchema(patient, key));
  } catch (cause) {
    await closeServer();
    if (cause instanceof PreparationError) throw cause;
    throw new Error(`The database cannot be used: ${reasonOf(cause)}.`, { cause });
  }
  const db = createDatabase({ url, logger });
  return createPostgresStore({
    db,
    write: createWriting({ db, follow: async () => {} }),
    sealer: createSealer(key.read),
    accountInstanceQuota,
    isReady: () => true,
    close: async () => {
      await bounded(db.destroy());
      await closeServer();
    },
  });
}

/**
 * Finds the database or starts the embedded one, and finds the encryption key. Only the service creates an embedded
 * database or a key file that does not exist yet. A command that did so in the wrong directory would show an empty
 * database.
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

/**
 * Checks the database, and runs `work` on connections whose statements may take 60 s. A migration may take that long,
 * and so may waiting for another node's migration. The connections end with the work.
 */
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

/** Waits for `ending`, but at most two seconds. A connection that has not ended by then is abandoned. */
async function bounded(ending: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((done) => {
    timer = setTimeout(done, closeMsMax);
  });
  await Promise.race([ending, late]).finally(() => clearTimeout(timer));
}
