/**
 * Works one webhook: decides when its deliveries are sent, one at a time where order holds and up to eight at once where
 * not, and notes what became of each.
 */

import type { AttemptRecord, FetchFrom, LeasedWebhook, WaitingDelivery } from "../store/webhook-queue.js";
import { LaneMemory } from "./lane-memory.js";
import type { MemoryCount } from "./requests-under-way.js";
import type { Attempt, WebhookTarget } from "./sender/sender.js";
import { type Condition, judge, type Rules, recordOf, undecided } from "./verdict.js";

/** Most requests of an unordered webhook at once. */
const unorderedMax = 8;
/** A lane that waits for longer than this, in milliseconds, keeps no event in memory meanwhile. */
const keepMsMax = 2_000;

/** What a lane needs of the part that runs all lanes. */
export interface LaneHost extends Rules {
  readonly memory: MemoryCount;
  /** Whether requests may be sent: the leases of this node hold, and attempts get stored. */
  maySend(): boolean;
  /** Makes an attempt. Resolves to undefined when it was cut off, because the node stops or has lost its leases. */
  send(lane: Lane, target: WebhookTarget, delivery: WaitingDelivery): Promise<Attempt | undefined>;
  /** Stores an attempt, and calls `stored` after that. */
  record(attempt: AttemptRecord, stored: () => void): void;
  /** Asks for the deliveries that `lane.wanted` describes. Later calls `give` or `failed` of the lane. */
  fetch(lane: Lane): void;
  /** Reads the webhook anew. Later calls `configure` of the lane, or closes the lane. */
  read(lane: Lane): void;
  disable(lane: Lane, reason: string): void;
}

export class Lane {
  webhook: LeasedWebhook;
  readonly #host: LaneHost;
  readonly #memory: LaneMemory;
  #target: WebhookTarget;
  #condition: Condition;
  #resetting = false;
  /** Whether the webhook or a delivery was changed, and whether the webhook is being read for that reason. */
  #changed = false;
  #reading = false;
  #closed = false;
  /** Until when the first delivery of an ordered webhook waits, in milliseconds since 1970. */
  #resumeAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #activeAt = performance.now();

  constructor(webhook: LeasedWebhook, host: LaneHost) {
    this.webhook = webhook;
    this.#host = host;
    this.#memory = new LaneMemory(host.memory);
    this.#target = targetOf(webhook);
    this.#condition = webhook;
  }

  /** The number of the last delivery that came into memory. */
  get tail(): number {
    return this.#memory.tail;
  }

  /** How long nothing has been in memory and nothing was known to wait, in milliseconds. */
  get idleMs(): number {
    return this.#memory.isEmpty && !this.#resetting ? performance.now() - this.#activeAt : 0;
  }

  /** Whether the receiver lets requests hang. */
  get isSlow(): boolean {
    return this.#memory.requests.slow;
  }

  /** What the lane has asked the database for. */
  get wanted(): FetchFrom {
    return this.#memory.wanted(this.webhook.id);
  }

  /**
   * The webhook or its deliveries were changed. The lane sends nothing until the requests under way have ended and their
   * attempts are stored. Then it reads both anew, and waits for nothing that it waited for before.
   */
  change(): void {
    this.#changed = true;
    this.#reset();
  }

  /** Takes the webhook that the lane has asked for. */
  configure(webhook: LeasedWebhook): void {
    if (!this.#reading) return;
    this.#reading = false;
    this.webhook = webhook;
    this.#target = targetOf(webhook);
    this.#condition = webhook;
    this.#resumeAt = 0;
    this.work();
  }

  /** Takes deliveries that this node has just stored, unless the receiver hangs or others wait before them. */
  offer(before: number, deliveries: readonly WaitingDelivery[]): void {
    if (this.#resetting || this.#isStuck) this.#memory.come();
    else this.#memory.offer(before, deliveries);
    this.#activeAt = performance.now();
    this.work();
  }

  /** Deliveries may wait that this node does not know. */
  wake(): void {
    this.#memory.come();
    this.work();
  }

  /** Takes what the database has found. With `all`, no more deliveries wait after them. */
  give(deliveries: readonly WaitingDelivery[], all: boolean): void {
    if (this.#closed || this.#resetting) this.#memory.ignore();
    else this.#memory.give(deliveries, all);
    if (deliveries.length > 0) this.#activeAt = performance.now();
    this.work();
  }

  /** The database could not be asked. */
  failed(): void {
    this.#memory.failed();
  }

  /** Call it now and then: notes requests that hang, and keeps no event in memory that waits for them. */
  look(): void {
    if (this.#memory.requests.look()) this.#memory.leave(this.webhook.ordered);
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
    if (this.#resetting || this.#resumeAt > now || this.#isStuck) return;
    if (this.#memory.ask(now)) this.#host.fetch(this);
    else if (this.#memory.isDueLater(now)) this.#workAt(this.#memory.dueAt);
  }

  /** Ends the lane. Attempts under way are still stored when they end. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#memory.drop();
  }

  /** Most requests at once. After a pause one delivery tries whether the receiver is back. */
  get #sendingMax(): number {
    return this.webhook.ordered || this.#condition.pauses > 0 ? 1 : unorderedMax;
  }

  /** Whether a request hangs and no other may be sent beside it. */
  get #isStuck(): boolean {
    const { requests } = this.#memory;
    return requests.hang && requests.size >= this.#sendingMax;
  }

  #sendReady(now: number): void {
    while (this.#memory.requests.size < this.#sendingMax) {
      const next = this.#memory.first;
      if (next === undefined) return;
      if (next.dueAt > now && this.webhook.ordered) {
        this.#wait(next.dueAt);
        return;
      }
      if (next.dueAt > now) this.#memory.putOffFirst();
      else void this.#send();
    }
  }

  async #send(): Promise<void> {
    const delivery = this.#memory.begin();
    if (delivery === undefined) return;
    const at = Date.now();
    const attempt = await this.#host.send(this, this.#target, delivery);
    this.#memory.requests.end(delivery);
    this.#activeAt = performance.now();
    if (attempt === undefined) return this.#reset();
    this.#settle(delivery, at, attempt);
    this.work();
  }

  #settle(tried: WaitingDelivery, at: number, attempt: Attempt): void {
    const { ordered } = this.webhook;
    const verdict =
      this.#changed && attempt.outcome !== "delivered"
        ? undecided(tried, at, this.#condition)
        : judge(tried, attempt, { at, now: Date.now() }, this.#condition, ordered, this.#host);
    const { state, delivery, condition, disable } = verdict;
    this.#condition = condition;
    this.#memory.unstored.add(tried.number);
    this.#host.record(recordOf(this.webhook, tried, at, attempt, verdict), () => {
      this.#memory.unstored.delete(tried.number);
      if (this.#resetting) this.work();
    });
    if (this.#closed) return;
    if (state === "waiting" && (ordered || condition.pauses > 0)) {
      this.#memory.putBack(delivery);
      this.#wait(delivery.dueAt);
    } else if (state === "waiting") this.#memory.putOff(delivery);
    if (disable !== undefined) this.#host.disable(this, disable);
  }

  /** Sends nothing until this time. Before a long wait, the lane gives up its events in memory, and reads them again later. */
  #wait(until: number): void {
    if (this.webhook.ordered) this.#resumeAt = until;
    if (until - Date.now() > keepMsMax) this.#reset();
    else this.#workAt(until);
  }

  /** Drops the deliveries in memory. Reads the waiting ones from the database again once all attempts under way are stored. */
  #reset(): void {
    this.#resetting = true;
    this.work();
  }

  /** Begins anew after a reset. False while that has to wait. */
  #restart(): boolean {
    if (this.#reading || !this.#memory.isQuiet) return false;
    if (this.#changed) {
      this.#changed = false;
      this.#reading = true;
      this.#host.read(this);
      return false;
    }
    this.#resetting = false;
    this.#memory.restart();
    return true;
  }

  #workAt(time: number): void {
    clearTimeout(this.#timer);
    // The clock may be set, so the lane looks again within a minute.
    this.#timer = setTimeout(() => this.work(), Math.min(Math.max(time - Date.now(), 1), 60_000));
  }
}

function targetOf({ url, byEvents, authorization, secrets, timeoutSeconds }: LeasedWebhook): WebhookTarget {
  return { url, byEvents, authorization, secrets, timeoutSeconds };
}
