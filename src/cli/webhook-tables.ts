/** What the commands `eventwire webhook …` print for people. */

import type { Webhook } from "../domain/webhook.js";
import type { Delivery, DeliveryAttempt, WaitingQueue } from "../store/webhook-operations.js";
import { table } from "./command.js";

export function showWebhooks(webhooks: readonly Webhook[]): string[] {
  return table(
    ["LABEL", "STATE", "URL", "EVENTS"],
    webhooks.map(({ label, enabled, url, events, disabledReason }) => [
      label,
      enabled ? "enabled" : disabledReason === undefined ? "disabled" : `disabled: ${disabledReason}`,
      url,
      events.length === 0 ? "all" : events.join(","),
    ]),
  );
}

/** The line with the secret of a webhook. No line when its requests are not signed. */
export function showSecret({ secret }: Webhook): string[] {
  return secret === undefined ? [] : [`secret  ${secret}`];
}

export function showDeliveries(deliveries: readonly Delivery[]): string[] {
  return table(
    ["NUMBER", "STATE", "EVENT", "ACCEPTED", "ATTEMPTS", "LAST"],
    deliveries.map(({ number, state, event, acceptedAt, attempts, last }) => [
      String(number),
      state,
      event,
      acceptedAt.toISOString(),
      String(attempts),
      outcomeOf(last),
    ]),
  );
}

export function showDelivery(delivery: Delivery, attempts: readonly DeliveryAttempt[]): string[] {
  const { number, state, event, eventId, acceptedAt, dueAt } = delivery;
  return [
    `delivery  ${number}, ${state}`,
    `event     ${event} ${eventId}`,
    `accepted  ${acceptedAt.toISOString()}`,
    ...(dueAt !== undefined && state === "waiting" ? [`due       ${dueAt.toISOString()}`] : []),
    ...table(
      ["ATTEMPT", "MS", "OUTCOME", "ANSWER"],
      attempts.map((one) => [one.at.toISOString(), String(one.ms), outcomeOf(one), oneLine(one.response ?? "")]),
    ),
  ];
}

export function showQueues(queues: readonly WaitingQueue[]): string[] {
  return table(
    ["ACCOUNT", "INSTANCE", "LABEL", "WAITING", "OLDEST", "FAILING SINCE", "PAUSED UNTIL", "LAST"],
    queues.map(({ account, instance, label, waiting, oldestAt, failingSince, pausedUntil, last }) => [
      ...[account, instance, label, String(waiting), oldestAt.toISOString()],
      ...[failingSince?.toISOString() ?? "", pausedUntil?.toISOString() ?? "", outcomeOf(last)],
    ]),
  );
}

function outcomeOf(attempt: DeliveryAttempt | undefined): string {
  return attempt?.error ?? String(attempt?.status ?? "");
}

/** A receiver may answer anything, also characters that move the cursor of a terminal. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, " ").trim();
}
