/** The port for what owners and operators see of deliveries and do with them. */

import type { Webhook } from "../domain/webhook.js";

export type DeliveryState = "waiting" | "delivered" | "dead";

/** A delivery with its last attempt. */
export interface Delivery {
  /** The place in the queue of the webhook. A delivery that is replayed gets a new number. */
  readonly number: number;
  readonly eventId: string;
  readonly event: string;
  readonly state: DeliveryState;
  /** Number of attempts so far, without those that paused the webhook. */
  readonly attempts: number;
  readonly acceptedAt: Date;
  /** When the next attempt may begin. Undefined when it may begin at once, and for a finished delivery. */
  readonly dueAt: Date | undefined;
  readonly last: DeliveryAttempt | undefined;
}

export interface DeliveryAttempt {
  readonly at: Date;
  /** The status of the answer. Undefined when there was none. */
  readonly status: number | undefined;
  readonly ms: number;
  /** Why there was no answer, or why the delivery died without an attempt. */
  readonly error: string | undefined;
  /** The beginning of the body of the answer. */
  readonly response: string | undefined;
}

export interface DeliveryPage {
  readonly state?: DeliveryState | undefined;
  /** Only deliveries whose events were accepted then or later. */
  readonly since?: Date | undefined;
  /** Only deliveries with a lower number. */
  readonly before?: number | undefined;
  readonly limit: number;
}

/** A webhook for which deliveries wait. */
export interface WaitingQueue {
  /** The name of the account. */
  readonly account: string;
  /** The name of the instance. */
  readonly instance: string;
  readonly label: string;
  /** Number of waiting deliveries. */
  readonly waiting: number;
  /** When the event of the first waiting delivery was accepted. */
  readonly oldestAt: Date;
  /** Since when every attempt has failed. Undefined while attempts succeed. */
  readonly failingSince: Date | undefined;
  /** Until when the webhook pauses. Undefined when it does not. */
  readonly pausedUntil: Date | undefined;
  /** The last attempt at the first waiting delivery. */
  readonly last: DeliveryAttempt | undefined;
}

export interface WebhookOperations {
  /** The webhooks of all accounts for which most deliveries wait, the longest queue first. */
  longestQueues(limit: number): Promise<WaitingQueue[]>;
  /**
   * Deliveries of a webhook, the newest first. Undefined when there is no such webhook; so it is for all methods below.
   * The methods that lead to requests reject with AppError WEBHOOK_DISABLED when the webhook is disabled.
   */
  listDeliveries(instanceId: string, label: string, page: DeliveryPage): Promise<Delivery[] | undefined>;
  /** A delivery and its attempts, the oldest first. Null when there is no such delivery. */
  getDelivery(
    instanceId: string,
    label: string,
    number: number,
  ): Promise<{ delivery: Delivery; attempts: DeliveryAttempt[] } | null | undefined>;
  /** Lets the webhook try at once: a pause ends, and deliveries that wait for their next attempt are due. */
  hasten(instanceId: string, label: string): Promise<boolean | undefined>;
  /**
   * Puts dead deliveries at the end of the queue, the oldest first, and resolves to how many: the one with a number, or those
   * that died since a time.
   */
  replay(
    instanceId: string,
    label: string,
    which: { readonly number: number } | { readonly since: Date },
  ): Promise<number | undefined>;
  /** Kills the delivery that is first in the queue, and resolves to its number. Null when none waits. */
  skipHead(instanceId: string, label: string): Promise<number | null | undefined>;
  /** Puts a test event at the end of the queue, ends a pause, and resolves to the id of the event. */
  sendTest(instanceId: string, label: string): Promise<string | undefined>;
  /** Gives a webhook a new secret. The secret before signs requests too, for `graceMs` milliseconds. */
  rotateSecret(instanceId: string, label: string, graceMs: number): Promise<Webhook | undefined>;
}
