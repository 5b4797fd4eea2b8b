/**
 * The requests of a lane that are under way, and which of them hang. The events of hanging requests are counted apart, so
 * that they take no room from other webhooks.
 */

import type { WaitingDelivery } from "../store/webhook-queue.js";

/** A request that has been under way for longer than this hangs, in milliseconds. */
const hangsAfterMs = 1_000;

/** Counts the bytes of the events that all lanes have in memory. Bytes that come are positive, bytes that go negative. */
export interface MemoryCount {
  /** Whether lanes may take further events into memory. */
  readonly hasRoom: boolean;
  held(bytes: number): void;
  /** Counts events of requests that hang. They do not count as held. */
  hanging(bytes: number): void;
}

interface Request {
  readonly number: number;
  readonly since: number;
  readonly bytes: number;
  hangs: boolean;
}

export class RequestsUnderWay {
  readonly #count: MemoryCount;
  /** There are few requests, so a search in an array is faster than a map. */
  readonly #requests: Request[] = [];
  #hanging = 0;
  #slow = false;

  constructor(count: MemoryCount) {
    this.#count = count;
  }

  get size(): number {
    return this.#requests.length;
  }

  /** The numbers of the deliveries. */
  get numbers(): number[] {
    return this.#requests.map(({ number }) => number);
  }

  /** Whether a request hangs. */
  get hang(): boolean {
    return this.#hanging > 0;
  }

  /** Whether a request hangs, or the last request that ended had hung. */
  get slow(): boolean {
    return this.#slow;
  }

  /** Begins a request. The bytes of the delivery are counted as held already. */
  begin({ number, bytes }: WaitingDelivery): void {
    this.#requests.push({ number, since: performance.now(), bytes, hangs: false });
  }

  /** Ends a request. The bytes of the delivery are no longer counted. */
  end({ number, bytes }: WaitingDelivery): void {
    const at = this.#requests.findIndex((request) => request.number === number);
    const hung = this.#requests[at]?.hangs === true;
    if (at !== -1) this.#requests.splice(at, 1);
    if (hung) this.#hanging--;
    this.#slow = hung || this.hang;
    if (hung) this.#count.hanging(-bytes);
    else this.#count.held(-bytes);
  }

  /** Looks for requests that hang. Returns whether there are new ones. */
  look(): boolean {
    const before = this.#hanging;
    const now = performance.now();
    for (const request of this.#requests) {
      if (request.hangs || now - request.since < hangsAfterMs) continue;
      request.hangs = true;
      this.#hanging++;
      this.#count.held(-request.bytes);
      this.#count.hanging(request.bytes);
    }
    if (this.#hanging > before) this.#slow = true;
    return this.#hanging > before;
  }
}
