/** Shows the deliveries of webhooks, and lets owners try, skip and replay them. */

import { AppError, type Reason } from "../domain/errors.js";
import { defaultLabel, type Webhook } from "../domain/webhook.js";
import type { Store } from "../store/store.js";
import type { Delivery, DeliveryAttempt, DeliveryState } from "../store/webhook-operations.js";
import { failingAs } from "./failure.js";

export interface DeliveryQuestion {
  readonly state: DeliveryState | undefined;
  /** RFC 3339. Empty means all. */
  readonly since: string;
  readonly limit: number;
  /** The `nextCursor` of the page before. Empty means the newest delivery. */
  readonly cursor: string;
}

/**
 * All methods take an empty label for `default`, and reject with WEBHOOK_NOT_CONFIGURED when there is no such webhook.
 * `retry`, `replay`, `sendTest` and `rotateSecret` reject with WEBHOOK_DISABLED when the webhook is disabled.
 */
export interface Deliveries {
  list(
    instanceId: string,
    label: string,
    question: DeliveryQuestion,
  ): Promise<{ deliveries: Delivery[]; nextCursor: string | undefined }>;
  /** Rejects with DELIVERY_NOT_FOUND. */
  get(instanceId: string, label: string, number: number): Promise<{ delivery: Delivery; attempts: DeliveryAttempt[] }>;
  /** Tries a waiting delivery at once, or replays a dead one. Rejects with DELIVERY_NOT_FOUND for any other. */
  retry(instanceId: string, label: string, number: number): Promise<void>;
  /** Replays the deliveries that died since a time of RFC 3339, or all. Resolves to how many. */
  replay(instanceId: string, label: string, since: string): Promise<number>;
  /** Skips the first delivery, and resolves to its number. Rejects with DELIVERY_NOT_FOUND when none waits. */
  skip(instanceId: string, label: string): Promise<number>;
  /** Queues a test event, and resolves to its id. */
  sendTest(instanceId: string, label: string): Promise<string>;
  rotateSecret(instanceId: string, label: string, graceSeconds: number): Promise<Webhook>;
}

export function createDeliveries({ store }: { store: Store }): Deliveries {
  async function known<T>(reason: Reason, work: Promise<T | undefined>): Promise<T> {
    const found = await failingAs(reason, work);
    if (found === undefined) throw new AppError("WEBHOOK_NOT_CONFIGURED");
    return found;
  }
  const read = <T>(work: Promise<T | undefined>) => known("GET_WEBHOOK_FAILED", work);
  const change = <T>(work: Promise<T | undefined>) => known("SET_WEBHOOK_FAILED", work);
  const named = (label: string) => label || defaultLabel;

  async function get(instanceId: string, label: string, number: number) {
    const found = await read(store.getDelivery(instanceId, named(label), number));
    if (found === null) throw new AppError("DELIVERY_NOT_FOUND");
    return found;
  }

  return {
    get,
    async list(instanceId, label, { state, since, limit, cursor }) {
      const before = cursor === "" ? undefined : Number(cursor);
      const page = { state, since: timeOf(since), before, limit: limit + 1 };
      const found = await read(store.listDeliveries(instanceId, named(label), page));
      const deliveries = found.slice(0, limit);
      return { deliveries, nextCursor: found.length > limit ? String(deliveries.at(-1)?.number) : undefined };
    },
    async retry(instanceId, label, number) {
      const { delivery } = await get(instanceId, label, number);
      if (delivery.state === "waiting") await change(store.hasten(instanceId, named(label)));
      else if ((await change(store.replay(instanceId, named(label), { number }))) === 0)
        throw new AppError("DELIVERY_NOT_FOUND");
    },
    replay: async (instanceId, label, since) =>
      change(store.replay(instanceId, named(label), { since: timeOf(since) ?? new Date(0) })),
    async skip(instanceId, label) {
      const number = await change(store.skipHead(instanceId, named(label)));
      if (number === null) throw new AppError("DELIVERY_NOT_FOUND");
      return number;
    },
    sendTest: (instanceId, label) => change(store.sendTest(instanceId, named(label))),
    rotateSecret: (instanceId, label, graceSeconds) =>
      change(store.rotateSecret(instanceId, named(label), graceSeconds * 1000)),
  };
}

const timeRule = "must be a time of RFC 3339, such as 2026-11-29T13:00:00Z";

function timeOf(text: string): Date | undefined {
  if (text === "") return undefined;
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i.test(text) ? new Date(text) : undefined;
  if (time === undefined || Number.isNaN(time.getTime()))
    throw new AppError("INVALID_REQUEST_BODY", { field: "since", rule: timeRule });
  return time;
}
