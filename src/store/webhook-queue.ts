/**
 * The port of the durable queue of webhooks: it stores accepted events with their deliveries, leases webhooks to nodes,
 * and keeps what became of each delivery.
 */

import type { EventType } from "../domain/event-type.js";

/** An accepted event in the form in which it is stored. */
export interface StoredEvent {
  /** The id of the event as text: a UUID. */
  readonly id: string;
  readonly instanceId: string;
  readonly type: EventType;
  /** When a node accepted the event, in milliseconds since 1970. */
  readonly time: number;
  /** The data of the event, as UTF-8 text. When `mediaAt` is given, the base64 of the media is missing there. */
  readonly data: Uint8Array;
  /** The media as raw bytes. */
  readonly media: Uint8Array | undefined;
  /** The offset in `data` at which the base64 of `media` stood. Undefined when the producer sent the media apart. */
  readonly mediaAt: number | undefined;
  /** The slot of the media in the data, as JSON. Undefined when the event has none. */
  readonly slot: string | undefined;
}

/** An event with the webhooks that take it. */
export interface Append {
  readonly event: StoredEvent;
  readonly webhookIds: readonly string[];
}

/** The place that an append has in the queue of one webhook. */
export interface Appended {
  readonly webhookId: string;
  /** The number of the delivery before the appended ones. Those have the numbers from `before + 1` on. */
  readonly before: number;
  /** Whether the asking node works the webhook, from now on or already. */
  readonly mine: boolean;
  /** Number of deliveries that wait for the webhook, with the appended ones. */
  readonly waiting: number;
}

/** A stored event as far as a request to a webhook needs it. */
export type QueuedEvent = Omit<StoredEvent, "instanceId" | "time">;

/** A delivery that waits, with its event. */
export interface WaitingDelivery {
  readonly webhookId: string;
  /** The place in the queue of the webhook. Numbers grow and are used once. */
  readonly number: number;
  readonly event: QueuedEvent;
  /** Number of attempts so far. */
  readonly attempts: number;
  /** When the first attempt began, in milliseconds since 1970. Undefined before the first attempt. */
  readonly firstAt: number | undefined;
  /** When the next attempt may begin, in milliseconds since 1970. 0 means at once. */
  readonly dueAt: number;
  /** Size of the stored event, in bytes. */
  readonly bytes: number;
  /** Whether the event has deliveries to other webhooks too. */
  readonly shared: boolean;
}

/** What a node must know of a webhook to work it. */
export interface LeasedWebhook {
  readonly id: string;
  /** The id under which the node has leased the webhook. */
  readonly node: string;
  /** Counts the changes of the webhook. */
  readonly version: number;
  readonly instanceId: string;
  readonly label: string;
  readonly url: string;
  readonly authorization: string | undefined;
  readonly byEvents: boolean;
  readonly mediaBase64: boolean;
  /** The secrets that sign a request: the current one, and during a rotation the one before. */
  readonly secrets: readonly string[];
  readonly ordered: boolean;
  readonly timeoutSeconds: number;
  /** Since when every attempt has failed, in milliseconds since 1970. Undefined while attempts succeed. */
  readonly failingSince: number | undefined;
  /** Until when the webhook is paused, in milliseconds since 1970. 0 when it is not. */
  readonly pausedUntil: number;
  /** Number of pauses in a row. */
  readonly pauses: number;
}

/** One attempt at a delivery, and what becomes of the delivery. */
export interface AttemptRecord {
  readonly webhookId: string;
  /** The id under which the webhook was leased when the attempt began. */
  readonly node: string;
  readonly number: number;
  readonly eventId: string;
  readonly bytes: number;
  readonly shared: boolean;
  /** `waiting`: the delivery is tried again at `dueAt`. */
  readonly state: "waiting" | "delivered" | "dead";
  /** Number of attempts that count: an attempt that paused the webhook does not. */
  readonly attempts: number;
  /** When the attempt began, in milliseconds since 1970. */
  readonly at: number;
  /** When the first attempt that counts began, in milliseconds since 1970. 0 when none counts. */
  readonly firstAt: number;
  /** Milliseconds since 1970; 0 when the delivery is finished. */
  readonly dueAt: number;
  readonly status: number | undefined;
  readonly ms: number;
  readonly error: string | undefined;
  readonly responseHead: string | undefined;
  /** Until when the webhook is paused after this attempt, in milliseconds since 1970. 0 when it is not. */
  readonly pausedUntil: number;
  readonly pauses: number;
}

/** Where a fetch begins: after the delivery with this number. */
export interface FetchFrom {
  readonly webhookId: string;
  readonly after: number;
  /**
   * Absent: deliveries in the order of their numbers. Given: only deliveries that were tried before and whose next
   * attempt is due, in the order of their times, except those with these numbers; and after them the delivery that is
   * due next.
   */
  readonly dueExcept?: readonly number[];
}

/** Counts of all webhooks together. */
export interface QueueTotals {
  readonly waiting: number;
  readonly waitingBytes: number;
  readonly dead: number;
  /** Number of webhooks that the gateway has disabled. */
  readonly disabled: number;
  /** When the oldest waiting event was accepted, in milliseconds since 1970. Undefined when none waits. */
  readonly oldest: number | undefined;
}

export interface WebhookQueue {
  /**
   * Stores events with their deliveries in one transaction. A webhook that does not exist any more gets none. The node
   * `node`, if it lives, gets the lease of each webhook that no living node works. Rejects with the driver's error; then nothing is
   * stored, or, when the connection was lost during the commit, possibly everything.
   */
  append(appends: readonly Append[], node: string): Promise<Appended[]>;
  /** Tells all nodes that these webhooks have new deliveries, or that the deliveries of `changed` must be read anew. */
  tell(news: { readonly queued: readonly string[] } | { readonly changed: readonly string[] }): Promise<void>;

  /** Renews the leases of a node, or begins them. False when the leases have ended; then they stay ended. */
  beat(node: string, first: boolean): Promise<boolean>;
  /** Leases webhooks with waiting deliveries that no living node works. Resolves to their ids, at most 2,000. */
  claim(node: string): Promise<string[]>;
  /** The webhooks of these ids that are enabled and leased by this node. */
  read(node: string, ids: readonly string[]): Promise<LeasedWebhook[]>;
  /**
   * Gives up leases of webhooks, and resolves to the ids of those that were given up. A webhook with deliveries after
   * its `tail` keeps its lease.
   */
  release(node: string, webhooks: readonly { readonly id: string; readonly tail: number }[]): Promise<string[]>;
  /** Gives up all leases of a node. */
  leave(node: string): Promise<void>;

  /** Reads waiting deliveries: of each webhook at most `limit`, and one more than 256 KiB hold. */
  fetch(from: readonly FetchFrom[], limit: number): Promise<WaitingDelivery[]>;
  /**
   * Stores attempts in one transaction. An attempt at a delivery that no longer waits does not change the delivery. When
   * another node has leased the webhook meanwhile, only success changes the delivery, and nothing changes the webhook.
   */
  record(attempts: readonly AttemptRecord[]): Promise<void>;
  /**
   * Disables a webhook for a reason that its owner can read. Resolves to false when the webhook does not have this
   * version any more; then nothing is changed.
   */
  disable(webhookId: string, version: number, reason: string): Promise<boolean>;

  totals(): Promise<QueueTotals>;
  /** Number of deliveries that wait for each of the webhooks. */
  waiting(ids: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /**
   * Does a slice of the cleaning: dead deliveries older than `retentionMs` go, and those above `queueMax` of a webhook;
   * deliveries of disabled webhooks die, and deliveries of deleted webhooks go. Resolves to whether more is left.
   */
  sweep(limits: { readonly retentionMs: number; readonly queueMax: number }): Promise<boolean>;
  /**
   * Drops the oldest waiting deliveries of a webhook with their events, at most 1,000 of them, until `keep` wait.
   * Resolves to how many were dropped.
   */
  dropOldest(webhookId: string, keep: number): Promise<number>;
  /**
   * Drops the oldest waiting deliveries of the webhook for which the most bytes wait, at most 1,000 of them, until at
   * most `keepBytes` wait for all webhooks together. Resolves to how many were dropped, and to 0 while another node does
   * this.
   */
  dropLargest(keepBytes: number): Promise<number>;
}
