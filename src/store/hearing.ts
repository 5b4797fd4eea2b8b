/** Listens on a connection, and proves that it hears: one that is up and deaf looks like one with nothing to hear. */

import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type pg from "pg";
import { channelSql, followerSql } from "./channel.js";
import { Unfollowed } from "./staleness.js";

/** What is told on another connection does not arrive. */
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

/** One statement on any other connection to the same database. */
export type Tell = (statement: string, values: string[]) => Promise<unknown>;

export interface Hearing {
  /** Rejects with NotHeard, or with what `tell` rejects with: that says nothing of hearing. */
  prove(): Promise<void>;
}

/**
 * PostgreSQL hands over what was notified before it answers the next statement of the session that listens. So this only
 * allows for what may stand between.
 */
const graceMs = 500;

/** `onPayload` hears what others tell. */
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
