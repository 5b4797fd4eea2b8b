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
  events: number;
  /** Gets the sequence number of the last event. */
  onStored: OnStored | undefined;
  /** What `confirmed` has returned for this turn. */
  waiting: Waiting | undefined;
}

interface Waiting {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

export type OnStored = (sequence: number) => void;

interface Held {
  readonly turn: Turn;
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
  /** The last event of the turn that has not ended. It is sent when the next event comes, or when the turn ends. */
  #held: Held | undefined;
  /** The turns that have ended and are not confirmed, the oldest first. */
  readonly #turns: Turn[] = [];
  #lastSequence = 0;
  #isStopped = false;

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
    return this.#turns[0]?.at ?? this.#held?.turn.at;
  }

  /** `onStored` is called with the sequence number of this event. The event then ends its turn, so it costs a confirmation of its own. */
  append(subject: string, data: Uint8Array, onStored?: OnStored): void {
    let turn = this.#held?.turn;
    if (this.#held === undefined || turn === undefined) {
      turn = { at: Date.now(), checks: 0, events: 0, onStored: undefined, waiting: undefined };
      setImmediate(() => this.#finish());
    } else this.#options.nats.publish(this.#held.subject, this.#held.data);
    turn.events++;
    this.#held = { turn, subject, data };
    if (onStored === undefined) return;
    turn.onStored = onStored;
    this.#finish();
  }

  /** Ends the journal when a confirmation is overdue. Call it about twice a second. */
  check(): void {
    const oldest = this.#turns[0];
    if (oldest !== undefined && ++oldest.checks > checksMax)
      this.#options.onUnsure("JetStream does not confirm events");
  }

  /** See `Journal.confirmed`. */
  confirmed(): Promise<void> | undefined {
    const last = this.#held?.turn ?? this.#turns.at(-1);
    if (last === undefined || this.#isStopped) return undefined;
    last.waiting ??= newWaiting();
    return last.waiting.promise;
  }

  /** Ends all waiting for confirmations. Call it when the journal has ended. */
  stop(): void {
    this.#isStopped = true;
    for (const { waiting } of this.#turns) waiting?.resolve();
    this.#held?.turn.waiting?.resolve();
  }

  /** Resolves when every event is confirmed, or at `stop`. */
  async empty(): Promise<void> {
    this.#finish();
    await this.confirmed();
  }

  #finish(): void {
    if (this.#held === undefined) return;
    const { nats, replies } = this.#options;
    const { turn, subject, data } = this.#held;
    this.#held = undefined;
    this.#turns.push(turn);
    if (!nats.isClosed()) nats.publish(subject, data, { reply: replies });
  }

  #confirmed(text: string): void {
    const { seq, error } = JSON.parse(text) as { seq?: number; error?: { description: string } };
    const turn = this.#turns[0];
    if (turn === undefined) return;
    // Other nodes append too, so the numbers may grow by more than the events of this turn, and never by less.
    if (seq === undefined || seq < this.#lastSequence + turn.events) {
      this.#options.onUnsure(error?.description ?? "JetStream has not stored every event");
      return;
    }
    this.#turns.shift();
    this.#lastSequence = seq;
    turn.onStored?.(seq);
    turn.waiting?.resolve();
  }
}

function newWaiting(): Waiting {
  let resolve = (): void => {};
  const promise = new Promise<void>((resolved) => {
    resolve = resolved;
  });
  return { promise, resolve };
}
