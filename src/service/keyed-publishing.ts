/**
 * Publishes events that have an idempotency key: at most once for each key, whichever nodes the producer asks. An event
 * is checked, its key is claimed, the event is published, and its answer is stored.
 *
 * An event for webhooks is stored between the claim and the answer. So an answer says that the event is stored, and the
 * event is stored once at most: a call that finds a claimed key never stores it. After the death of a node in between,
 * the outcome is unknown, as it is for sockets.
 */

import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Entry } from "../directory/directory.js";
import { AppError, type Reason } from "../domain/errors.js";
import { idText } from "../domain/event-id.js";
import { requireIdempotencyKey } from "../domain/idempotency-key.js";
import type { IdempotencyKeys, KeyAnswer, KeyState, KeyUse } from "../store/idempotency-keys.js";
import { digestEvent, digestKey } from "./event-digest.js";
import type { CheckedEvent, EventInput, Publishing } from "./publishing.js";
import type { EventReceipt } from "./sinks.js";

/**
 * How long a call waits for the answer of another call with its key, in milliseconds. After that, and when the other
 * call is older than that, the outcome counts as unknown.
 */
const answerMsMax = 5_000;
/** The first and the longest time between two looks at the key of another call, in milliseconds. */
const lookMs = { first: 10, last: 200 };

/** An event whose key was looked up. One of its functions must be called, and only once. */
export interface HeldEvent {
  /**
   * Publishes the event before it returns, if this call has claimed the key. Resolves with the answer of the call that
   * published the event. Rejects with AppError IDEMPOTENCY_KEY_USED, OUTCOME_UNKNOWN, IDEMPOTENCY_UNAVAILABLE,
   * EVENT_TOO_LARGE_FOR_BUS, BUS_UNREACHABLE, WEBHOOK_QUEUE_FULL or STORE_EVENT_FAILED.
   */
  publish(): Promise<KeyAnswer>;
  /** Gives the key back, if this call has claimed it. */
  giveUp(): void;
}

/**
 * What becomes of an event with a key. `published`: this call published it. `repeated`: it was answered with the answer
 * of an earlier call. The others are refusals: for a key of another event, an unknown outcome, and a database that is
 * away.
 */
export type KeyOutcome = "published" | "repeated" | "key_used" | "unknown" | "unavailable";

export interface KeyedPublishing {
  /** How many events with a key had each outcome on this node. An outcome that never came is absent. */
  readonly outcomes: ReadonlyMap<KeyOutcome, number>;
  /**
   * Checks an event and claims its key. Rejects with AppError INVALID_REQUEST_BODY, EVENT_TOO_LARGE or
   * IDEMPOTENCY_UNAVAILABLE; then the event is not published, and its key is free.
   */
  hold(entry: Entry, input: EventInput, key: string): Promise<HeldEvent>;
}

export function createKeyedPublishing(options: { publishing: Publishing; keys: IdempotencyKeys }): KeyedPublishing {
  const { publishing, keys } = options;
  const nextCall = createCallNumbers();
  const outcomes = new Map<KeyOutcome, number>();

  function count(outcome: KeyOutcome): void {
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }

  function refuse(outcome: KeyOutcome, reason: Reason, cause?: unknown): never {
    count(outcome);
    throw new AppError(reason, { cause });
  }

  const claim = (use: KeyUse): Promise<KeyState> =>
    keys.claim(use).catch((cause: unknown) => refuse("unavailable", "IDEMPOTENCY_UNAVAILABLE", cause));

  async function publishNow(entry: Entry, event: CheckedEvent, use: KeyUse): Promise<KeyAnswer> {
    // The sockets are counted before publishing, because a socket that this event closes still took the event.
    const sockets = publishing.takers(entry, event.type);
    const mark = publishing.mark();
    const receipt: EventReceipt = {};
    let id: string;
    try {
      id = idText(publishing.accept(event, receipt));
    } catch (error) {
      if (error instanceof AppError) await keys.release(use);
      throw error;
    }
    // When this rejects, consumers may have the event. So the key keeps no answer, and its outcome stays unknown.
    const reached = await publishing.reached(mark);
    // A stored answer cannot say that webhooks lack the event. So that outcome stays unknown too.
    if (reached?.webhooks === false) refuse("unknown", "OUTCOME_UNKNOWN");
    const answer = { id, sockets, otherNodesReached: reached?.otherNodes ?? true, ...receipt };
    await keys.settle(use, answer);
    count("published");
    return answer;
  }

  /** Waits for the answer of the call that has claimed the key, or publishes when that call has given the key back. */
  async function publishLater(entry: Entry, event: CheckedEvent, use: KeyUse, first: KeyState): Promise<KeyAnswer> {
    const until = performance.now() + answerMsMax;
    let wait = lookMs.first;
    for (let state = first; ; state = await claim(use)) {
      if (state.state === "claimed") return publishNow(entry, event, use);
      if (state.state === "used") {
        if (!state.sameContent) refuse("key_used", "IDEMPOTENCY_KEY_USED");
        if (state.answer !== undefined) {
          count("repeated");
          return state.answer;
        }
        if (state.ageMs >= answerMsMax) refuse("unknown", "OUTCOME_UNKNOWN");
      }
      if (performance.now() >= until) refuse("unknown", "OUTCOME_UNKNOWN");
      await delay(wait);
      wait = Math.min(2 * wait, lookMs.last);
    }
  }

  return {
    outcomes,
    async hold(entry, input, key) {
      requireIdempotencyKey(key);
      // An event of usual size must not wait here. Otherwise the work on a large batch would not be seen by the clock
      // that says when the batch must pause.
      const checked = publishing.check(entry, input);
      const event = checked instanceof Promise ? await checked : checked;
      const digest = digestEvent(input);
      const content = digest instanceof Promise ? await digest : digest;
      const use = { key: digestKey(entry.instance, key), content, call: nextCall() };
      const state = await claim(use);
      return {
        publish: () =>
          state.state === "claimed" ? publishNow(entry, event, use) : publishLater(entry, event, use, state),
        giveUp() {
          if (state.state === "claimed") void keys.release(use);
        },
      };
    },
  };
}

/** Returns a function that numbers calls, from a random number of 64 bits on, so that no other node has the number. */
function createCallNumbers(): () => string {
  let last = randomBytes(8).readBigInt64BE();
  return () => {
    last = BigInt.asIntN(64, last + 1n);
    return String(last);
  };
}
