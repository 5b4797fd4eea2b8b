/**
 * What a lane keeps in memory of its queue: few deliveries, and the place from which it reads on. Everything else stays
 * in the database.
 */

import type { FetchFrom, WaitingDelivery } from "../store/webhook-queue.js";
import { type MemoryCount, RequestsUnderWay } from "./requests-under-way.js";

/** With fewer deliveries in memory, the lane asks for more. */
const readyMin = 8;
/** The lane takes deliveries from producers while it has fewer deliveries and fewer bytes of events than this in memory. */
const readyMax = 64;
const readyBytesMax = 256 * 1024;

const never = Number.POSITIVE_INFINITY;

interface Question {
  /** `in order`: the deliveries after `after`. `due`: deliveries that were tried before. */
  readonly what: "in order" | "due";
  readonly after: number;
  /** The numbers that were in memory when the question was asked. */
  readonly known: ReadonlySet<number>;
}

export class LaneMemory {
  readonly #count: MemoryCount;
  readonly requests: RequestsUnderWay;
  /** Deliveries that are not being sent. */
  #ready: WaitingDelivery[] = [];
  #readyBytes = 0;
  /** Numbers of deliveries whose last attempt is not stored yet. */
  readonly unstored = new Set<number>();
  /** Deliveries with higher numbers have not come into memory. */
  #tail = 0;
  /** Whether deliveries may wait after `#tail`, and whether some came while the database was asked. */
  #more = true;
  #moreCame = false;
  #question: Question | undefined;
  /** When the first of the deliveries is due that were tried and are not in memory. */
  #dueAt = never;

  constructor(count: MemoryCount) {
    this.#count = count;
    this.requests = new RequestsUnderWay(count);
  }

  get tail(): number {
    return this.#tail;
  }

  get dueAt(): number {
    return this.#dueAt;
  }

  /** Whether deliveries that are not in memory become due, and none of them is due now. */
  isDueLater(now: number): boolean {
    return this.#dueAt > now && this.#dueAt < never;
  }

  /** The delivery that is sent next. */
  get first(): WaitingDelivery | undefined {
    return this.#ready[0];
  }

  /** Whether no attempt is under way or unstored, and the database is not being asked. */
  get isQuiet(): boolean {
    return this.requests.size === 0 && this.unstored.size === 0 && this.#question === undefined;
  }

  /** Whether nothing is in memory and nothing is known to wait. */
  get isEmpty(): boolean {
    return this.isQuiet && this.#ready.length === 0 && !this.#more && this.#dueAt === never;
  }

  /** What the database was asked for. */
  wanted(webhookId: string): FetchFrom {
    const { what, after, known } = this.#question ?? { what: "in order", after: this.#tail, known: [] };
    return what === "due" ? { webhookId, after, dueExcept: [...known] } : { webhookId, after };
  }

  /** Begins a question to the database if one is needed. Returns whether it is. */
  ask(now: number): boolean {
    if (this.#question !== undefined || this.#ready.length >= readyMin) return false;
    if (!this.#more && this.#dueAt > now) return false;
    const what = this.#more ? "in order" : "due";
    if (what === "due") this.#dueAt = never;
    this.#question = { what, after: this.#tail, known: this.#known() };
    return true;
  }

  /**
   * Takes the deliveries that the database has found. With `all`, no more deliveries wait after them. Ignores them when
   * deliveries have left the memory for the database since the question: those come before these.
   */
  give(deliveries: readonly WaitingDelivery[], all: boolean): void {
    const { what, after, known: before } = this.#question ?? { what: "in order", after: 0, known: new Set<number>() };
    const moreCame = this.#moreCame;
    this.ignore();
    // Deliveries were left to the database since, and come before those of the answer.
    if (what === "in order" && after !== this.#tail) {
      this.come();
      return;
    }
    const known = this.#known();
    // A delivery that was in memory when the question was asked may have been tried and stored since.
    const fresh = deliveries.filter(({ number }) => !before.has(number) && !known.has(number));
    if (what === "due") {
      this.#takeDue(fresh);
      return;
    }
    for (const delivery of fresh) this.#add(delivery);
    this.#tail = Math.max(this.#tail, deliveries.at(-1)?.number ?? 0);
    this.#more = !all || moreCame;
  }

  /** Takes deliveries that are due, and notes when the next of the others is due. */
  #takeDue(deliveries: readonly WaitingDelivery[]): void {
    const now = Date.now();
    for (const delivery of deliveries) {
      if (delivery.dueAt > now) this.putOff(delivery);
      else this.#add(delivery);
    }
    this.#ready.sort((a, b) => a.dueAt - b.dueAt);
    // Further deliveries may be due, so the lane asks again until none is.
    if (deliveries.some(({ dueAt }) => dueAt <= now)) this.#dueAt = Math.min(this.#dueAt, now);
  }

  /** Ends the question without its answer. */
  ignore(): void {
    this.#question = undefined;
    this.#moreCame = false;
  }

  /** Notes that the database could not be asked. */
  failed(): void {
    if (this.#question?.what === "due") this.#dueAt = Date.now();
    this.ignore();
    this.#more = true;
  }

  /** Takes deliveries from a producer while there is room, unless others wait between them and those in memory. */
  offer(before: number, deliveries: readonly WaitingDelivery[]): void {
    const follows = before === this.#tail && !this.#more && this.#question === undefined;
    let taken = 0;
    while (follows && taken < deliveries.length && this.#hasRoom) {
      const delivery = deliveries[taken++] as WaitingDelivery;
      this.#add(delivery);
      this.#tail = delivery.number;
    }
    if (taken < deliveries.length) this.come();
  }

  /** Notes that deliveries may wait which are not in memory. */
  come(): void {
    this.#more = true;
    this.#moreCame = this.#question !== undefined;
  }

  /** Takes the first delivery out, because its request begins. */
  begin(): WaitingDelivery | undefined {
    const delivery = this.#shift();
    if (delivery !== undefined) this.requests.begin(delivery);
    return delivery;
  }

  /** Makes a delivery that was tried the first again. */
  putBack(delivery: WaitingDelivery): void {
    this.#ready.unshift(delivery);
    this.#readyBytes += delivery.bytes;
    this.#count.held(delivery.bytes);
  }

  /** Leaves a delivery to the database until it is due. */
  putOff({ dueAt }: WaitingDelivery): void {
    this.#dueAt = Math.min(this.#dueAt, dueAt);
  }

  /** Does what `putOff` does with the first delivery. */
  putOffFirst(): void {
    const delivery = this.#shift();
    if (delivery === undefined) return;
    this.#count.held(-delivery.bytes);
    this.putOff(delivery);
  }

  /** Leaves all deliveries that are not being sent to the database. With `ordered`, they are read again in their order. */
  leave(ordered: boolean): void {
    for (const delivery of this.#ready) {
      if (delivery.dueAt > 0 && !ordered) {
        this.putOff(delivery);
        continue;
      }
      this.#tail = Math.min(this.#tail, delivery.number - 1);
      this.#more = true;
    }
    this.drop();
  }

  /** Forgets everything. The next question begins with the first delivery in the database. */
  restart(): void {
    this.drop();
    this.#tail = 0;
    this.#more = true;
    this.#dueAt = never;
  }

  /** Lets go of the deliveries that are not being sent. */
  drop(): void {
    this.#count.held(-this.#readyBytes);
    this.#ready = [];
    this.#readyBytes = 0;
  }

  get #hasRoom(): boolean {
    return this.#ready.length < readyMax && this.#readyBytes < readyBytesMax && this.#count.hasRoom;
  }

  #add(delivery: WaitingDelivery): void {
    this.#ready.push(delivery);
    this.#readyBytes += delivery.bytes;
    this.#count.held(delivery.bytes);
  }

  #shift(): WaitingDelivery | undefined {
    const delivery = this.#ready.shift();
    this.#readyBytes -= delivery?.bytes ?? 0;
    return delivery;
  }

  #known(): Set<number> {
    return new Set([...this.requests.numbers, ...this.unstored, ...this.#ready.map(({ number }) => number)]);
  }
}
