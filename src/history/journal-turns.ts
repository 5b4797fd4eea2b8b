/**
 * Appends events to a stream of JetStream. It asks for a confirmation of the last event of each turn of the event loop, because a
 * confirmation of each event would cost more than the event. JetStream stores what comes on one connection in order, so the
 * confirmation of the last event counts for those before it.
 */

import type { NatsConnection } from "@nats-io/transport-node";

interface Turn {
  /** When the first event of the turn was appended, in milliseconds since 1970. */
  readonly at: number;
  /** How often `check` has found this turn unconfirmed. A count and not a time, because a process that was stopped has read nothing. */
  checks: number;
  /** How many events the turn has. */
  readonly events: number;
}

interface Held {
  readonly subject: string;
  readonly data: Uint8Array;
}

export interface TurnsOptions {
  readonly nats: NatsConnection;
  /** A subject for replies that nobody else uses. */
  readonly replies: string;
  /** Called when a confirmation says that an event was not stored, or when none came in time. */
  readonly onUnsure: (reason: string) => void;
}

/** How many calls of `check` a confirmation may take. */
const checksMax = 4;
const noResponders = 503;

export class Turns {
  readonly #options: TurnsOptions;
  #held: Held | undefined;
  #at = 0;
  #events = 0;
  /** The turns that are not confirmed, the oldest first. */
  readonly #turns: Turn[] = [];
  #lastSequence = 0;
  #onEmpty: (() => void) | undefined;

  constructor(options: TurnsOptions) {
    this.#options = options;
    options.nats.subscribe(options.replies, {
      callback: (error, message) => {
        if (error !== null) options.onUnsure(error.message);
        else if (message.headers?.code === noResponders) options.onUnsure("nothing listens for the history's stream");
        else this.#confirmed(Buffer.from(message.data).toString());
      },
    });
  }

  /** See `Journal.unconfirmedSince`. */
  get unconfirmedSince(): number | undefined {
    return this.#turns[0]?.at ?? (this.#held === undefined ? undefined : this.#at);
  }

  append(subject: string, data: Uint8Array): void {
    if (this.#held === undefined) {
      this.#at = Date.now();
      this.#events = 0;
      setImmediate(() => this.#finish());
    } else this.#options.nats.publish(this.#held.subject, this.#held.data);
    this.#events++;
    this.#held = { subject, data };
  }

  /** Ends the journal when a confirmation is overdue. Call it about twice a second. */
  check(): void {
    const oldest = this.#turns[0];
    if (oldest !== undefined && ++oldest.checks > checksMax)
      this.#options.onUnsure("JetStream does not confirm events");
  }

  /** Resolves when every event is confirmed. */
  empty(): Promise<void> {
    this.#finish();
    if (this.#turns.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
    });
  }

  #finish(): void {
    if (this.#held === undefined) return;
    const { nats, replies } = this.#options;
    const { subject, data } = this.#held;
    this.#held = undefined;
    if (nats.isClosed()) return;
    nats.publish(subject, data, { reply: replies });
    this.#turns.push({ at: this.#at, checks: 0, events: this.#events });
  }

  #confirmed(text: string): void {
    const { seq, error } = JSON.parse(text) as { seq?: number; error?: { description: string } };
    const turn = this.#turns.shift();
    if (turn === undefined) return;
    const { onUnsure } = this.#options;
    // Other nodes append too, so the numbers may grow by more than the events of this turn, and never by less.
    if (seq === undefined) onUnsure(error?.description ?? "JetStream stores nothing");
    else if (seq < this.#lastSequence + turn.events) onUnsure("JetStream has not stored every event");
    this.#lastSequence = seq ?? this.#lastSequence;
    if (this.#turns.length === 0) this.#onEmpty?.();
  }
}
