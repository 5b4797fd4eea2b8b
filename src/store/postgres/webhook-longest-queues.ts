/** Finds the webhooks for which most deliveries wait, for an operator who looks for the receiver that is down. */

import { type Kysely, sql } from "kysely";
import type { WaitingQueue } from "../webhook-operations.js";
import type { Schema } from "./schema.js";
import { type AttemptRow, toAttempt } from "./webhook-delivery-rows.js";

interface Row extends Omit<AttemptRow, "tried_at"> {
  account: string;
  instance: string;
  label: string;
  waiting: string;
  failing_since: Date | null;
  paused_until: Date | null;
  accepted_at: Date;
  tried_at: Date | null;
}

export async function selectLongestQueues(db: Kysely<Schema>, limit: number): Promise<WaitingQueue[]> {
  const { rows } = await sql<Row>`
    select account.name as account, instance.name as instance, label, appended - finished as waiting, failing_since,
      case when paused_until > now() then paused_until end as paused_until,
      first.accepted_at, first.tried_at, first.status, first.ms, first.error, first.response
    from webhook_queue as queue
    join webhook_progress as progress using (webhook_id)
    join webhook on webhook.id = webhook_id
    join instance on instance.id = webhook.instance_id
    join account on account.id = instance.account_id
    cross join lateral (
      select accepted_at, tried_at, status, ms, error, response from webhook_delivery as delivery
      where delivery.webhook_id = webhook.id and state = 0 order by number limit 1) as first
    where appended > finished
    order by waiting desc, first.accepted_at limit ${limit}`.execute(db);
  return rows.map((row) => ({
    account: row.account,
    instance: row.instance,
    label: row.label,
    waiting: Number(row.waiting),
    oldestAt: row.accepted_at,
    failingSince: row.failing_since ?? undefined,
    pausedUntil: row.paused_until ?? undefined,
    last: row.tried_at === null ? undefined : toAttempt({ ...row, tried_at: row.tried_at }),
  }));
}
