/**
 * Listens on a connection and proves that it hears. A connection that works but hears nothing looks like one without
 * notifications.
 */

import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type pg from "pg";
import { channelSql, followerSql } from "./channel.js";
import { Unfollowed } from "./staleness.js";

/** A notification that was sent on another connection does not arrive. */
export class NotHeard extends Unfollowed {
  override readonly name = "NotHeard";
  override readonly withoutSessions = true;

  constructor() {
    super(
      "what one connection notifies does not reach another that listens: DATABASE_URL must name PostgreSQL itself, or a " +
        "pooler in session mode (pool_mode = session in PgBouncer)",
    );
  }
}

/** Runs one statement on any other connection to the same database. */
export type Tell = (statement: string, values: string[]) => Promise<unknown>;

export interface Hearing {
  /**
   * Resolves when a notification has arrived. Rejects with NotHeard. Also rejects with the error of `tell`, which
   * proves nothing about hearing.
   */
  prove(): Promise<void>;
}

/**
 * How long to wait for a notification. PostgreSQL delivers it before it answers the listening session's next statement,
 * so this time is only for what stands between, such as a pooler.
 */
const graceMs = 500;

/** `onPayload` gets the notifications of other nodes. */
export async function listenOn(
  client: pg.Client,
  tell: Tell,
  onPayload: (payload: string) => void = () => {},
): Promise<Hearing> {
  const waiting = new Map<string, () => void>();
  client.on("notification", ({ payload = "" }) => {
    const heard = waiting.get(payload);
    if (heard === undefined) onPayload(payload);
    else heard();
  });
  const { rows } = await client.query(
    `select ${channelSql} as channel, set_config('application_name', ${followerSql}, false)`,
  );
  await client.query(`listen ${rows[0].channel}`);

  return {
    async prove() {
      const nonce = `nonce ${randomUUID()}`;
      const waited = new AbortController();
      const heard = new Promise<true>((resolve) => waiting.set(nonce, () => resolve(true)));
      try {
        await tell(`select pg_notify(${channelSql}, $1)`, [nonce]);
        await client.query("select 1");
        const late = delay(graceMs, false, { signal: waited.signal }).catch(() => false);
        if (!(await Promise.race([heard, late]))) throw new NotHeard();
      } finally {
        waiting.delete(nonce);
        waited.abort();
      }
    },
  };
}
