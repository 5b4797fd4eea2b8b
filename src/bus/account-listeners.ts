/**
 * What this node knows of other nodes that listen to whole accounts. When NATS says that nobody listens to an account,
 * this node believes that for `believedMs`, and sends the account's events to the subjects of their instances alone. A
 * node that begins to listen to an account therefore tells all nodes.
 */

export interface AccountListeners {
  /** Whether a node has said lately that it listens to the account, which is believed for twice `believedMs`. */
  has(accountId: string): boolean;
  /**
   * True unless NATS has said lately that nobody listens. Then the caller asks NATS, also while `has` is true: `has` may
   * have become false when the answer comes.
   */
  isUnknown(accountId: string): boolean;
  /**
   * Notes that a node listens to the account. Returns true when no other node was known to listen. The message of that
   * node may have crossed events on their way, so the caller then sends the account its unconfirmed events too.
   */
  add(accountId: string): boolean;
  /** Notes NATS's answer that nobody listens to the account. */
  nobody(accountId: string): void;
  /**
   * Forgets which accounts have no listener. Call this after NATS was away, because the message of a new listener may
   * have been lost.
   */
  forgetNobody(): void;
}

/** Most accounts in `quiet`. With more, all of them are forgotten, and NATS is asked about them again. */
const quietMax = 100_000;

/**
 * `believedMs`: how long NATS's answer that nobody listens is believed, in milliseconds. The message of a listener is
 * believed twice as long.
 */
export function createAccountListeners(believedMs: number): AccountListeners {
  /**
   * For each account, until when the belief holds, on the clock of `performance.now()`: in `listeners` that a node
   * listens to the account, in `quiet` that nobody does.
   */
  const listeners = new Map<string, number>();
  const quiet = new Map<string, number>();

  return {
    has: (accountId) => isBelieved(listeners, accountId),
    isUnknown: (accountId) => !isBelieved(quiet, accountId),

    add(accountId) {
      const isNew = !isBelieved(listeners, accountId);
      // The belief in a listener must last longer than any belief that nobody listens. An answer of NATS that is under
      // way may begin such a belief a little later than now.
      removeOld(listeners);
      quiet.delete(accountId);
      listeners.set(accountId, performance.now() + 2 * believedMs);
      return isNew;
    },

    nobody(accountId) {
      if (quiet.size >= quietMax) quiet.clear();
      quiet.set(accountId, performance.now() + believedMs);
    },

    forgetNobody: () => quiet.clear(),
  };
}

function isBelieved(beliefs: ReadonlyMap<string, number>, accountId: string): boolean {
  return beliefs.size > 0 && (beliefs.get(accountId) ?? 0) > performance.now();
}

function removeOld(beliefs: Map<string, number>): void {
  const now = performance.now();
  for (const [accountId, end] of beliefs) if (end <= now) beliefs.delete(accountId);
}
