/**
 * Settles the webhooks: every answered event has come to every webhook that took it, and in order where the webhook is
 * ordered; and what came more than once has a reason.
 */

import { eventTypeBit } from "../../../src/domain/event-type.js";
import type { Books, Publication } from "../books.js";
import { mediaOf } from "../publishers.js";
import { faultBefore } from "../settle.js";
import type { Arrival } from "./arrivals.js";
import { type Breakages, type Reason, reasonOf, reasons } from "./duplicates.js";
import type { LedgerWebhook } from "./webhooks.js";

/** Deliveries: pairs of an event and a webhook. */
export interface WebhookTally {
  /** Answered with success while the webhook surely took the event. */
  due: number;
  arrived: number;
  /** The webhook was disabled while the event waited. The event is listed as dead for that reason. */
  disabled: number;
  lost: number;
  /** Answered with success while the configuration of the webhook changed: no matter whether the event came. */
  uncertain: number;
  /** Came, although the publisher got no answer or was told that the event could not be stored. */
  unanswered: number;
  /** How often an event came once more. */
  duplicates: number;
}

export interface WebhookSettlement {
  readonly total: WebhookTally;
  /** By the fault that had last begun when the event was published. */
  readonly byFault: ReadonlyMap<string, WebhookTally>;
  readonly reasons: ReadonlyMap<Reason, number>;
  readonly lost: readonly string[];
  readonly disordered: readonly string[];
  /** What no webhook should have got, with another id or other media, and what came again without a reason. */
  readonly wrong: readonly string[];
}

export interface WebhookBooks {
  readonly webhooks: readonly LedgerWebhook[];
  /** In the order in which they came. */
  readonly arrivals: readonly Arrival[];
  /** By webhook: the ids of the events that died because the webhook was disabled. */
  readonly disabled: readonly ReadonlySet<string>[];
  readonly breakages: Breakages;
}

const noTally: WebhookTally = { due: 0, arrived: 0, disabled: 0, lost: 0, uncertain: 0, unanswered: 0, duplicates: 0 };

export function settleWebhooks(
  { published, faults }: Pick<Books, "published" | "faults">,
  { webhooks, arrivals, disabled, breakages }: WebhookBooks,
): WebhookSettlement {
  const byFault = new Map<string, WebhookTally>();
  const found = { lost: [] as string[], disordered: [] as string[], wrong: [] as string[] };
  const counts = new Map<Reason, number>();
  /** By webhook and event: the last arrival. */
  const last = webhooks.map(() => new Map<Publication, Arrival>());
  /** By webhook and connection of a publisher: the highest number that came. */
  const highest = webhooks.map(() => new Map<number, number>());
  /** The ids under which events came that were not answered. */
  const unansweredIds = new Map<Publication, string>();

  function count(event: Publication, what: keyof WebhookTally): void {
    const kind = faultBefore(faults, event.startedAt);
    const row = byFault.get(kind) ?? { ...noTally };
    byFault.set(kind, row);
    row[what]++;
  }

  function takeFirst(webhook: LedgerWebhook, arrival: Arrival, event: Publication): void {
    const tops = highest[webhook.index] as Map<number, number>;
    const top = tops.get(event.connection) ?? 0;
    // An event that died with its webhook may still have been on its way.
    const died = disabled[webhook.index]?.has(event.id ?? "") === true;
    if (webhook.ordered && arrival.n < top && !died)
      found.disordered.push(`${describe(event, webhook)}: came at ${time(arrival.at)}, after number ${top}`);
    tops.set(event.connection, Math.max(top, arrival.n));
    if (event.answer === "error" || (answered(event) && typesAt(webhook, event) === "does not take"))
      found.wrong.push(`${describe(event, webhook)}: was never due`);
    const id = event.id ?? unansweredIds.get(event) ?? arrival.id;
    if (event.id === undefined) unansweredIds.set(event, id);
    const { instance: i, publisher: p, n, type } = event;
    const media = webhook.mediaBase64 && type === "message.exchange" ? mediaOf({ i, p, n }) : undefined;
    if (arrival.media !== media) found.wrong.push(`${describe(event, webhook)}: came with the media ${arrival.media}`);
    if (arrival.id !== id)
      found.wrong.push(`${describe(event, webhook)}: came under the id ${arrival.id}, and not ${id}`);
  }

  function takeAgain(webhook: LedgerWebhook, before: Arrival, again: Arrival, event: Publication): void {
    count(event, "duplicates");
    const reason = reasonOf(before, again, breakages);
    counts.set(reason, (counts.get(reason) ?? 0) + 1);
    if (again.id !== before.id)
      found.wrong.push(`${describe(event, webhook)}: came again under the id ${again.id}, and not ${before.id}`);
    if (reason === reasons.unexplained)
      found.wrong.push(`${describe(event, webhook)}: came again without a reason: ${when(before)}, ${when(again)}`);
  }

  for (const arrival of arrivals) {
    const webhook = webhooks[arrival.webhook];
    const event = published[arrival.instance]?.get(arrival.publisher)?.[arrival.n - 1];
    if (webhook === undefined || event === undefined || webhook.instance !== arrival.instance) {
      found.wrong.push(`number ${arrival.n} of publisher ${arrival.publisher} came to webhook ${arrival.webhook}`);
      continue;
    }
    const lasts = last[webhook.index] as Map<Publication, Arrival>;
    const before = lasts.get(event);
    if (before === undefined) takeFirst(webhook, arrival, event);
    else takeAgain(webhook, before, arrival, event);
    lasts.set(event, arrival);
  }

  for (const webhook of webhooks) {
    const came = last[webhook.index] as Map<Publication, Arrival>;
    for (const events of published[webhook.instance]?.values() ?? []) {
      for (const event of events) {
        if (event.answer === "error") continue;
        if (!answered(event)) {
          if (came.has(event)) count(event, "unanswered");
          continue;
        }
        const types = typesAt(webhook, event);
        if (types === "changes") count(event, "uncertain");
        if (types !== "takes") continue;
        count(event, "due");
        if (came.has(event)) count(event, "arrived");
        else if (disabled[webhook.index]?.has(event.id ?? "")) count(event, "disabled");
        else {
          count(event, "lost");
          found.lost.push(`${describe(event, webhook)}: never came`);
        }
      }
    }
  }
  const total = { ...noTally };
  for (const row of byFault.values())
    for (const key of Object.keys(total) as (keyof WebhookTally)[]) total[key] += row[key];
  return { total, byFault, reasons: counts, ...found };
}

/** Whether the publisher was told that the event is stored for webhooks. */
function answered({ answer }: Publication): boolean {
  return answer === "ok" || answer === "unreached";
}

/** What the webhook did with events of this type during the whole call. */
function typesAt({ stretches }: LedgerWebhook, { startedAt, answeredAt, type }: Publication) {
  const stretch = stretches.find(({ until }) => until >= startedAt);
  if (stretch === undefined || stretch.from > startedAt || stretch.until < answeredAt) return "changes";
  return (stretch.types & (eventTypeBit.get(type) as number)) === 0 ? "does not take" : "takes";
}

function describe(
  { publisher, n, type, process, answer, startedAt, answeredAt, id }: Publication,
  webhook: LedgerWebhook,
) {
  const { index, instanceName, label, ordered } = webhook;
  return (
    `number ${n} of publisher ${publisher}, ${type}, given to process ${process} ${time(startedAt)}–${time(answeredAt)} ` +
    `(${answer}, ${id}), webhook ${index} (${label} of ${instanceName}, ${ordered ? "ordered" : "unordered"})`
  );
}

function when({ at, answeredAt, attempt, mood, pid }: Arrival): string {
  return `attempt ${attempt} at ${time(at)}, answered ${time(answeredAt)} by ${pid} (${mood})`;
}

function time(at = Number.NaN): string {
  return Number.isFinite(at) ? new Date(at).toISOString().slice(11, 23) : "never";
}
