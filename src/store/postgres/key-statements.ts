/**
 * The SQL of idempotency keys. A key stands in the part of the table for its period of twelve hours. There are four
 * parts, which are used in turn, so a part is free again 36 hours after its period began. Then one statement empties it
 * as a whole. The clock of the database decides about periods, because the clocks of the nodes differ.
 */

import type { QueryConfig } from "pg";
import { keySeconds } from "../../domain/idempotency-key.js";
import type { KeyAnswer, KeyUse } from "../idempotency-keys.js";

/** How long a period is, in seconds. A key must stay for two periods at least. */
const periodSeconds = keySeconds / 2;
export const keyParts = 4;
/**
 * For so long after the begin of a period, in seconds, each claim also stands in the part of the period before, and
 * there first. A unique index holds for one part alone. So without this time, two statements at the end of a period
 * could claim one key, each in another part, because neither sees what the other has not committed yet.
 */
const overlapSeconds = 60;
/** A part is emptied only when the begin and the end of a period are so far away, in seconds. */
const emptyMarginSeconds = 300;

const position = `(extract(epoch from statement_timestamp()) / ${periodSeconds})`;

/**
 * Looks for the keys in all parts, and claims those that are free. `first` and `second` return only rows that this
 * statement has stored. All statements store keys in the order of the keys, so two statements never wait for each other
 * in a circle.
 */
const claimText = `
  with given as (
    select * from unnest($1::uuid[], $2::uuid[], $3::bigint[]) as given (key, content, call)
  ), now as (
    select statement_timestamp() as at, floor(${position})::int as period,
      floor(${position} - ${overlapSeconds}::numeric / ${periodSeconds})::int as first_period
  ), used as (
    select given.call, stored.content = given.content as "sameContent",
      (extract(epoch from now.at - stored.claimed_at) * 1000)::int as "ageMs",
      stored.id, stored.sockets, stored.other_nodes_reached as "otherNodesReached", stored.position, stored.webhooks
    from given cross join now join idempotency_key as stored on stored.key = given.key
    where stored.claimed_at > now.at - interval '${keySeconds} seconds'
  ), first as (
    insert into idempotency_key (part, period, key, content, call, claimed_at)
    select now.first_period % ${keyParts}, now.first_period, key, content, call, now.at from given cross join now
    where not exists (select from used where used.call = given.call)
    order by key
    on conflict do nothing
    returning key, content, call
  ), second as (
    insert into idempotency_key (part, period, key, content, call, claimed_at)
    select now.period % ${keyParts}, now.period, key, content, call, now.at from first cross join now
    where now.period <> now.first_period
    order by key
    on conflict do nothing
  )
  select call, null::boolean as "sameContent", null::int as "ageMs", null::uuid as id, null::int as sockets,
    null::boolean as "otherNodesReached", null::text as position, null::int as webhooks from first
  union all
  select * from used`;

const settleText = `
  update idempotency_key as stored
  set id = given.id, sockets = given.sockets, other_nodes_reached = given.reached, position = given.position,
    webhooks = given.webhooks
  from unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::int[], $5::boolean[], $6::text[], $7::int[])
    as given (key, call, id, sockets, reached, position, webhooks)
  where stored.key = given.key and stored.call = given.call`;

const releaseText = `
  delete from idempotency_key as stored using unnest($1::uuid[], $2::bigint[]) as given (key, call)
  where stored.key = given.key and stored.call = given.call and stored.id is null`;

/**
 * Empties the part that the next period uses, unless it is empty. Its keys are 24 to 48 hours old. The statement asks
 * the clock itself, so it does no harm when it comes late. It waits for a second at most, because new claims wait after
 * it.
 */
export const emptyOldPart = `
  do $$
  declare
    elapsed double precision := extract(epoch from statement_timestamp())::bigint % ${periodSeconds};
    part integer := (floor(${position})::int + 1) % ${keyParts};
    is_used boolean;
  begin
    if elapsed not between ${emptyMarginSeconds} and ${periodSeconds - emptyMarginSeconds} then return; end if;
    execute format('select exists (select from idempotency_key_%s)', part) into is_used;
    if is_used then
      set local lock_timeout = '1s';
      execute format('truncate idempotency_key_%s', part);
    end if;
  end $$`;

export function claimKeys(uses: readonly KeyUse[]): QueryConfig {
  const values = [uses.map(({ key }) => key), uses.map(({ content }) => content), uses.map(({ call }) => call)];
  return { name: "claim", text: claimText, values };
}

export function settleKeys(settlements: readonly (KeyUse & { readonly answer: KeyAnswer })[]): QueryConfig {
  const inOrder = [...settlements].sort(byKey);
  const answers = inOrder.map(({ answer }) => answer);
  const values = [
    inOrder.map(({ key }) => key),
    inOrder.map(({ call }) => call),
    answers.map(({ id }) => id),
    answers.map(({ sockets }) => sockets),
    answers.map(({ otherNodesReached }) => otherNodesReached),
    answers.map(({ position }) => position ?? null),
    answers.map(({ webhooks }) => webhooks ?? null),
  ];
  return { name: "settle", text: settleText, values };
}

export function releaseKeys(uses: readonly KeyUse[]): QueryConfig {
  const inOrder = [...uses].sort(byKey);
  return {
    name: "release",
    text: releaseText,
    values: [inOrder.map(({ key }) => key), inOrder.map(({ call }) => call)],
  };
}

function byKey(a: KeyUse, b: KeyUse): number {
  return a.key < b.key ? -1 : 1;
}
