/** Implements the store with PostgreSQL. */

import type { Kysely } from "kysely";
import { sql } from "kysely";
import type { Sealer } from "../encryption/sealing.js";
import type { Store, Trouble } from "../store.js";
import { createAccounts } from "./accounts.js";
import { createDisconnects } from "./disconnects.js";
import { createInstanceQueries } from "./instances.js";
import type { Write } from "./notify-transaction.js";
import type { Schema } from "./schema.js";
import { createWebhookOperations } from "./webhook-operations.js";
import { createWebhookQueries } from "./webhooks.js";
import { createWebsocketQueries } from "./websockets.js";
import { troubleOf, type Writability } from "./writability.js";

export interface PostgresStoreOptions {
  readonly db: Kysely<Schema>;
  /** Runs the writes. After a commit it brings the directory up to date. */
  readonly write: Write;
  readonly sealer: Sealer;
  /** Number of instances that one account may have; 0 means no limit. */
  readonly accountInstanceQuota: number;
  /** Whether the directory of this node has read the database. */
  readonly isReady: () => boolean;
  /** Returns a problem of the database that is known without asking it. That problem comes before all others. */
  readonly trouble?: () => Trouble | undefined;
  /**
   * Knows whether writes succeed. Asked only when the database answers and was read. Absent in a process whose health
   * nobody asks for.
   */
  readonly writability?: Writability;
  readonly close: () => Promise<void>;
}

const answerMsMax = 2_000;

export function createPostgresStore({
  db,
  write,
  sealer,
  accountInstanceQuota,
  isReady,
  trouble,
  writability,
  close,
}: PostgresStoreOptions): Store {
  let asked: Promise<Trouble | undefined> | undefined;

  /**
   * Asks the database whether it answers, and waits for at most two seconds. Callers that ask at the same time share
   * one question, so many health probes take one connection.
   */
  function answers(): Promise<Trouble | undefined> {
    asked ??= ask().finally(() => {
      asked = undefined;
    });
    return asked;
  }

  async function ask(): Promise<Trouble | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<Trouble>((done) => {
      timer = setTimeout(done, answerMsMax, "unreachable");
    });
    const answered = sql`select 1`.execute(db).then(
      () => undefined,
      (error: unknown) => troubleOf(error) ?? "unreachable",
    );
    return Promise.race([answered, late]).finally(() => clearTimeout(timer));
  }

  return {
    ...createAccounts({ db, write }),
    ...createInstanceQueries({ db, write, sealer, accountInstanceQuota }),
    ...createWebsocketQueries({ db, write }),
    ...createWebhookQueries({ db, write, sealer }),
    ...createWebhookOperations({ db, write, sealer }),
    ...createDisconnects(write),
    async trouble() {
      const known = trouble?.();
      if (known !== undefined) return known;
      const wrong = (await answers()) ?? (isReady() ? undefined : "starting");
      return wrong ?? writability?.trouble();
    },
    close,
  };
}
