/**
 * What a publisher knows of the nodes that listen to whole accounts. It believes for some seconds that nobody listens to an account,
 * so that most accounts cost it nothing. A node that begins to listen therefore tells all nodes. Its word may cross events on their
 * way: the publisher keeps each event that it sent to its instance alone until NATS has confirmed it, and sends it to the account
 * too when it hears of a listener in time.
 */

import type { Numbered } from "./event-codec.js";

export interface AccountListeners {
  /** Whether a node has said lately that it listens. */
  has(accountId: string): boolean;
  /** Whether neither a node nor NATS has said lately whether somebody listens. */
  isUnknown(accountId: string): boolean;
  /** Tells what a node has said. Returns the unconfirmed events that the account lacks, in order. */
  add(accountId: string): Numbered[];
  /** Tells that NATS knows of no listener. */
  nobody(accountId: string): void;
  /** Tells that nodes may have said what did not arrive. */
  forgetNobody(): void;
  /** Keeps an event that was sent to its instance alone. */
  keep(sent: Numbered): void;
  /** Tells that NATS is asked to confirm what was kept until now. Call the returned function after the answer. */
  confirming(): () => void;
}

/** With more, NATS is asked about all of them again. */
const quietMax = 100_000;

/** `believedMs`: how long an answer of NATS is believed. */
export function createAccountListeners(believedMs: number): AccountListeners {
  /** The listeners and the accounts without one: until when that is believed. */
  const listeners = new Map<string, number>();
  const quiet = new Map<string, number>();
  let kept: Numbered[] = [];
  let asked: Numbered[] = [];

  return {
    has: (accountId) => isBelieved(listeners, accountId),
    isUnknown: (accountId) => !isBelieved(listeners, accountId) && !isBelieved(quiet, accountId),

    add(accountId) {
      const isNew = !isBelieved(listeners, accountId);
      // So long that every older belief, also one that an answer under way begins, ends earlier.
      removeOld(listeners);
      listeners.set(accountId, performance.now() + 2 * believedMs);
      return isNew ? [...asked, ...kept].filter(({ event }) => event.accountId === accountId) : [];
    },

    nobody(accountId) {
      if (quiet.size >= quietMax) quiet.clear();
      quiet.set(accountId, performance.now() + believedMs);
    },

    forgetNobody: () => quiet.clear(),
    keep: (sent) => void kept.push(sent),

    confirming() {
      asked = kept;
      kept = [];
      return () => {
        asked = [];
      };
    },
  };
}

function isBelieved(beliefs: ReadonlyMap<string, number>, accountId: string): boolean {
  return beliefs.size > 0 && (beliefs.get(accountId) ?? 0) > performance.now();
}

function removeOld(beliefs: Map<string, number>): void {
  const now = performance.now();
  for (const [accountId, end] of beliefs) if (end <= now) beliefs.delete(accountId);
}
