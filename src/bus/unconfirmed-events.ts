/**
 * The events that this node has sent since NATS last confirmed that it had everything. They may still have to go to the
 * subject of an account too, and they may be lost when the connection breaks.
 */

import type { Numbered } from "./event-codec.js";

export interface SentEvent extends Numbered {
  /** Whether the event was sent to the subject of its account. */
  readonly toAccount: boolean;
}

export interface UnconfirmedEvents {
  /** Number of events that were kept since the last call of `confirming`. */
  readonly count: number;
  /** `connectedAt` of the link over which the first of these events was sent. Undefined when `count` is 0. */
  readonly sentOver: number | undefined;
  /** Keeps an event that was sent over the connection with this `connectedAt`. */
  keep(event: SentEvent, connection: number): void;
  /** Returns the events of an account that were not sent to the account's subject, in the order of their sending. */
  notSentTo(accountId: string): Numbered[];
  /** Returns all events, in the order of their sending. */
  all(): readonly Numbered[];
  /**
   * Call this when NATS is asked to confirm what was sent until now. Call the returned function after the answer,
   * whatever the answer is. It drops the events that were kept before the question, and returns them.
   */
  confirming(): () => readonly Numbered[];
}

export function createUnconfirmedEvents(): UnconfirmedEvents {
  let kept: SentEvent[] = [];
  let asked: SentEvent[] = [];
  let sentOver: number | undefined;

  return {
    get count() {
      return kept.length;
    },
    get sentOver() {
      return sentOver;
    },
    keep(event, connection) {
      sentOver ??= connection;
      kept.push(event);
    },
    notSentTo: (accountId) =>
      [...asked, ...kept].filter(({ event, toAccount }) => !toAccount && event.accountId === accountId),
    all: () => [...asked, ...kept],

    confirming() {
      asked = kept;
      kept = [];
      sentOver = undefined;
      return () => {
        const covered = asked;
        asked = [];
        return covered;
      };
    },
  };
}
