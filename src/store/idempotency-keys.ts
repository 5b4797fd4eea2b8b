/**
 * The port of the stored idempotency keys, which decide for all nodes on one database whether an event is published.
 * The first call with a key claims the key, publishes its event, and then settles the key with its answer.
 */

/** A call that wants to use a key. */
export interface KeyUse {
  /** A UUID made of the account, the instance and the key. */
  readonly key: string;
  /** A UUID made of the content of the event. */
  readonly content: string;
  /** A number of 64 bits, as text, that no other call of any node has. */
  readonly call: string;
}

/** What the producer of an event with a key is told, by each call with the key. */
export interface KeyAnswer {
  /** The id of the event, as text. */
  readonly id: string;
  /** How many sockets took the event on the node that published it. */
  readonly sockets: number;
  readonly otherNodesReached: boolean;
  /** Where the event stands in the history. Absent when the event is in no history. */
  readonly position?: string | undefined;
  /** For how many webhooks the event was stored. Absent when a node of an older release stored the answer. */
  readonly webhooks?: number | undefined;
}

/**
 * What a call learns about its key. `claimed`: this call has claimed the key, and must settle or release it.
 * `used`: another call claimed the key, `ageMs` milliseconds ago, for the same content or not; `answer` is undefined
 * while that call has not settled the key. `busy`: another call is claiming the key at this moment; ask again.
 */
export type KeyState =
  | { readonly state: "claimed" }
  | { readonly state: "busy" }
  | {
      readonly state: "used";
      readonly sameContent: boolean;
      readonly ageMs: number;
      readonly answer: KeyAnswer | undefined;
    };

export interface IdempotencyKeys {
  /**
   * Claims the key, unless it was claimed in the last 24 hours. When it rejects, the database did not answer, and the
   * call has not claimed the key: a claim that was stored nevertheless is released as soon as the database answers.
   *
   * Claims of several calls are stored by one statement.
   */
  claim(use: KeyUse): Promise<KeyState>;
  /**
   * Stores the answer of a call that has claimed its key. Never rejects. Resolves when the answer is stored, or when the
   * database does not answer; the answer is then stored later, unless the node ends before.
   */
  settle(use: KeyUse, answer: KeyAnswer): Promise<void>;
  /** Gives back the key of a call that has published nothing. Never rejects; see `settle`. */
  release(use: KeyUse): Promise<void>;
}
