/**
 * Listens for notifications on a connection, and proves on demand that they arrive. Without a proof, a connection that
 * hears nothing looks like a connection to which nobody sends.
 */

import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type pg from "pg";
import { channelSql, followerSql } from "./channel.js";
import { Unfollowed } from "./staleness.js";

/** The error for a connection on which no notification of other connections arrives. */
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

/** Runs one statement on another connection to the same database. */
export type Tell = (statement: string, values: string[]) => Promise<unknown>;

export interface Hearing {
  /**
   * Sends a notification on another connection, and resolves when it arrives on this one. Rejects with NotHeard when it
   * does not arrive. Also rejects with the error of `tell` or of the listening connection, which proves nothing about
   * hearing.
   */
  prove(): Promise<void>;
}

/**
 * How long to wait for a notification after the listening session has answered one more statement, in milliseconds.
 * PostgreSQL delivers the notification before that answer. So this time is only for programs in between, such as a
 * pooler.
 */
const graceMs = 500;

/**
 * Starts to listen on the connection. Gives the connection the name `followerSql`, under which PostgreSQL shows it.
 * `onPayload` gets the payload of every notification, apart from the running proofs of this connection.
 */
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
