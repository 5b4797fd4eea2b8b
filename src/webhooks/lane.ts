/**
 * Works one webhook: sends its waiting deliveries, one at a time where order holds and up to eight at once where not.
 * Few deliveries are in memory; the others stay in the database.
 */

import type { AttemptRecord, FetchFrom, LeasedWebhook, WaitingDelivery } from "../store/webhook-queue.js";
import type { Attempt, WebhookTarget } from "./sender/sender.js";
import { type Condition, judge, type Rules } from "./verdict.js";

/** Most requests of an unordered webhook at once. */
const unorderedMax = 8;
/** With fewer deliveries in memory, the lane asks for more. */
const readyMin = 8;
/** With so many deliveries in memory, the lane takes no more from producers. */
const readyMax = 64;

/** A lane that waits for longer than this, in milliseconds, keeps no event in memory meanwhile. */
const keepMsMax = 2_000;

const never = Number.POSITIVE_INFINITY;

/** What a lane needs of the part that runs all lanes. */
export interface LaneHost extends Omit<Rules, "ordered"> {
  /** Whether requests may be sent: the leases of this node hold, and attempts get stored. */
  maySend(): boolean;
  /** Makes an attempt. Resolves to undefined when it was cut off, because the node stops or has lost its leases. */
  send(lane: Lane, target: WebhookTarget, delivery: WaitingDelivery): Promise<Attempt | undefined>;
  /** Stores an attempt, and calls `stored` after that. */
  record(attempt: AttemptRecord, stored: () => void): void;
  /** Asks for the deliveries that `lane.wanted` describes. Later calls `give` or `failed` of the lane. */
  fetch(lane: Lane): void;
  disable(lane: Lane, reason: string): void;
  /** Called when bytes of events came into memory (positive) or went out of it. */
  held(bytes: number): void;
}

export class Lane {
  webhook: LeasedWebhook;
  readonly #host: LaneHost;
  #target: WebhookTarget;
  #condition: Condition;
  /** Deliveries in memory that are not being sent. */
  #ready: WaitingDelivery[] = [];
  readonly #flying = new Set<number>();
  /** Numbers of deliveries whose last attempt is not stored yet. */
  readonly #unstored = new Set<number>();
  /** The number of the last delivery that came into memory. */
  #tail = 0;
  /** Whether deliveries may wait after `#tail`, and whether some came while the database was asked. */
  #more = true;
  #moreCame = false;
  #fetching: "in order" | "due" | undefined;
  #resetting = false;
  /** Whether the configuration or a delivery was changed since the last restart, so that no wait from before holds. */
  #changed = false;
  #closed = false;
  /** When the first of the deliveries is due that were tried and are not in memory. */
  #dueAt = never;
  /** Until when the first delivery of an ordered webhook waits, in milliseconds since 1970. */
  #resumeAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #activeAt = performance.now();

  constructor(webhook: LeasedWebhook, host: LaneHost) {
    this.webhook = webhook;
    this.#host = host;
    this.#target = targetOf(webhook);
    this.#condition = webhook;
  }

  get tail(): number {
    return this.#tail;
  }

  /** How long nothing has been in memory and nothing was known to wait, in milliseconds. */
  get idleMs(): number {
    const busy = this.#ready.length + this.#flying.size + this.#unstored.size > 0 || this.#fetching !== undefined;
    return busy || this.#more || this.#dueAt < never ? 0 : performance.now() - this.#activeAt;
  }

  /** What the lane has asked the database for. */
  get wanted(): FetchFrom {
    const from = { webhookId: this.webhook.id, after: this.#tail };
    return this.#fetching === "due" ? { ...from, dueExcept: [...this.#known()] } : from;
  }

  /** Takes a new configuration. Requests under way end with the old one. */
  configure(webhook: LeasedWebhook): void {
    this.webhook = webhook;
    this.#target = targetOf(webhook);
    this.#condition = webhook;
    this.#changed = true;
    this.reset();
  }

  /** Takes deliveries that this node has just stored, unless others wait between them and those in memory. */
  offer(before: number, deliveries: readonly WaitingDelivery[]): void {
    const follows = before === this.#tail && !this.#more && this.#fetching === undefined && !this.#resetting;
    if (follows && this.#ready.length < readyMax) this.#take(deliveries);
    else this.#comes();
    this.work();
  }

  /** Deliveries may wait that this node does not know. */
  wake(): void {
    this.#comes();
    this.work();
  }

  /** Takes what the database has found. With `all`, no more deliveries wait after them. */
  give(deliveries: readonly WaitingDelivery[], all: boolean): void {
    const asked = this.#fetching;
    this.#fetching = undefined;
    if (this.#closed) return;
    if (!this.#resetting) {
      if (asked === "in order") this.#more = !all || this.#moreCame;
      const known = this.#known();
      this.#take(deliveries.filter(({ number }) => asked === "in order" || !known.has(number)));
      if (asked === "due") this.#ready.sort((a, b) => a.dueAt - b.dueAt);
    }
    this.#moreCame = false;
    this.work();
  }

  /** The database could not be asked. */
  failed(): void {
    if (this.#fetching === "due") this.#dueAt = Date.now();
    this.#fetching = undefined;
    this.#more = true;
  }

  /** Forgets what is in memory, and reads the waiting deliveries anew once all attempts under way are stored. */
  reset(): void {
    this.#resetting = true;
    this.work();
  }

  /** Sends what may be sent now, and asks for more. Call it whenever something has changed. */
  work(): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    if (this.#resetting && !this.#restart()) return;
    if (!this.#host.maySend()) return;
    const now = Date.now();
    const until = Math.max(this.#condition.pausedUntil, this.#resumeAt);
    if (until > now) {
      this.#workAt(until);
      return;
    }
    this.#sendReady(now);
    if (this.#resetting || this.#resumeAt > now) return;
    if (this.#fetching !== undefined || this.#ready.length >= readyMin) return;
    if (this.#more) this.#fetch("in order");
    else if (this.#dueAt <= now) this.#fetch("due");
    else if (this.#dueAt < never) this.#workAt(this.#dueAt);
  }

  /** Ends the lane. Attempts under way are still stored when they end. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#drop();
  }

  #sendReady(now: number): void {
    const { ordered } = this.webhook;
    // After a pause one delivery tries whether the receiver is back.
    const max = ordered || this.#condition.pauses > 0 ? 1 : unorderedMax;
    while (this.#flying.size < max) {
      const next = this.#ready[0];
      if (next === undefined) return;
      if (next.dueAt > now && ordered) {
        this.#wait(next.dueAt);
        return;
      }
      this.#ready.shift();
      if (next.dueAt > now) this.#putOff(next);
      else void this.#send(next);
    }
  }

  async #send(delivery: WaitingDelivery): Promise<void> {
    const { number, bytes } = delivery;
    this.#flying.add(number);
    const at = Date.now();
    const attempt = await this.#host.send(this, this.#target, delivery);
    this.#flying.delete(number);
    this.#activeAt = performance.now();
    if (attempt === undefined) {
      this.#host.held(-bytes);
      return this.reset();
    }
    this.#settle(delivery, at, attempt);
    this.work();
  }

  #settle(tried: WaitingDelivery, at: number, attempt: Attempt): void {
    const { ordered } = this.webhook;
    const times = { at, now: Date.now() };
    const verdict = judge(tried, attempt, times, this.#condition, { ...this.#rules, ordered });
    const { state, delivery, condition, disable } = verdict;
    this.#condition = condition;
    this.#record(delivery, { ...attempt, at, state, attempt: tried.attempts + 1 });
    if (state !== "waiting") this.#host.held(-tried.bytes);
    else if (ordered || condition.pauses > 0) {
      this.#ready.unshift(delivery);
      this.#wait(delivery.dueAt);
    } else this.#putOff(delivery);
    if (disable !== undefined) this.#host.disable(this, disable);
  }

  get #rules(): Omit<Rules, "ordered"> {
    const { failingMsMax } = this.#host;
    return { failingMsMax, retryIn: (delivery) => this.#host.retryIn(delivery) };
  }

  #record(
    { number, event, bytes, attempts, firstAt = 0, dueAt }: WaitingDelivery,
    made: Pick<AttemptRecord, "state" | "attempt" | "at" | "status" | "ms" | "error" | "responseHead">,
  ): void {
    const { state, attempt, at, status, ms, error, responseHead } = made;
    const { pausedUntil, pauses } = this.#condition;
    this.#unstored.add(number);
    const record: AttemptRecord = {
      ...{ webhookId: this.webhook.id, number, eventId: event.id, bytes, state, attempts, firstAt, dueAt },
      ...{ attempt, at, status, ms, error, responseHead, pausedUntil, pauses },
    };
    this.#host.record(record, () => {
      this.#unstored.delete(number);
      if (this.#resetting) this.work();
    });
  }

  /** Sends nothing until then. Before a long wait, what is in memory is left to the database. */
  #wait(until: number): void {
    if (this.webhook.ordered) this.#resumeAt = until;
    if (until - Date.now() > keepMsMax) this.reset();
    else this.#workAt(until);
  }

  /** Leaves a delivery to the database until it is due. */
  #putOff({ dueAt, bytes }: WaitingDelivery): void {
    this.#host.held(-bytes);
    this.#dueAt = Math.min(this.#dueAt, dueAt);
  }

  #take(deliveries: readonly WaitingDelivery[]): void {
    if (deliveries.length > 0) this.#activeAt = performance.now();
    for (const delivery of deliveries) {
      this.#host.held(delivery.bytes);
      this.#ready.push(delivery);
      this.#tail = Math.max(this.#tail, delivery.number);
    }
  }

  #comes(): void {
    this.#more = true;
    this.#moreCame = this.#fetching !== undefined;
  }

  #known(): Set<number> {
    return new Set([...this.#flying, ...this.#unstored, ...this.#ready.map(({ number }) => number)]);
  }

  #fetch(what: "in order" | "due"): void {
    this.#fetching = what;
    if (what === "due") this.#dueAt = never;
    this.#host.fetch(this);
  }

  /** Begins anew after a reset. False while attempts are under way or not stored, and while the database is asked. */
  #restart(): boolean {
    if (this.#flying.size > 0 || this.#unstored.size > 0 || this.#fetching !== undefined) return false;
    this.#resetting = false;
    if (this.#changed) this.#resumeAt = 0;
    this.#changed = false;
    this.#drop();
    this.#tail = 0;
    this.#more = true;
    this.#dueAt = never;
    return true;
  }

  #drop(): void {
    for (const { bytes } of this.#ready) this.#host.held(-bytes);
    this.#ready = [];
  }

  #workAt(time: number): void {
    // The clock may be set, so the lane looks again within a minute.
    this.#timer = setTimeout(() => this.work(), Math.min(Math.max(time - Date.now(), 1), 60_000));
  }
}

function targetOf({ url, byEvents, authorization, secrets, timeoutSeconds }: LeasedWebhook): WebhookTarget {
  return { url, byEvents, authorization, secrets, timeoutSeconds };
}
