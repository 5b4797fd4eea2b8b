/** The events of a batch that have an idempotency key. Their keys are claimed together, before any event is published. */

import type { PublishEventRequest } from "../../../gen/eventwire/v1/event_service_pb.js";
import type { Directory } from "../../directory/directory.js";
import { AppError } from "../../domain/errors.js";
import type { Principal } from "../../domain/instance.js";
import type { HeldEvent, KeyedPublishing } from "../../service/keyed-publishing.js";
import type { KeyAnswer } from "../../store/idempotency-keys.js";
import { toEventInput } from "../methods/event-methods.js";

export function hasKey({ idempotencyKey }: PublishEventRequest): boolean {
  return idempotencyKey !== undefined;
}

/** Makes the function that claims the key of an event, if the event has one. */
export function createHold(
  directory: Directory,
  keyed: KeyedPublishing,
): (principal: Principal, event: PublishEventRequest) => Promise<HeldEvent> | undefined {
  async function hold({ accountId }: Principal, event: PublishEventRequest, key: string): Promise<HeldEvent> {
    const entry = directory.instance(accountId, event.instance);
    if (entry === undefined) throw new AppError("INSTANCE_NOT_FOUND");
    return keyed.hold(entry, toEventInput(event), key);
  }
  return (principal, event) =>
    event.idempotencyKey === undefined ? undefined : hold(principal, event, event.idempotencyKey);
}

/** The events with a key of one batch, by their index in the batch. */
export class KeyedEvents {
  readonly #held = new Map<number, Promise<HeldEvent>>();
  readonly #claimed = new Map<number, HeldEvent | { readonly refused: unknown }>();
  readonly #answers: Promise<void>[] = [];
  /** False when an event with a key may not have reached other nodes, now or when it was published. */
  otherNodesReached = true;

  /** Adds an event whose key is being claimed. */
  add(index: number, held: Promise<HeldEvent>): void {
    this.#held.set(index, held);
    // A claim that fails before `claimed` waits for it would otherwise end the process.
    held.catch(() => {});
  }

  /** Resolves when all keys are claimed, or when it is known why not. */
  async claimed(): Promise<void> {
    for (const [index, held] of this.#held)
      this.#claimed.set(index, await held.catch((refused: unknown) => ({ refused })));
  }

  /** Gives the keys back, when none of the events is published. */
  giveUp(): void {
    for (const held of this.#claimed.values()) if (!("refused" in held)) held.giveUp();
  }

  has(index: number): boolean {
    return this.#held.has(index);
  }

  /** Publishes an event, or throws why it is refused. Then calls one of the two functions, before `answered` resolves. */
  publish(index: number, onAnswer: (answer: KeyAnswer) => void, onRefusal: (error: unknown) => void): void {
    const held = this.#claimed.get(index);
    if (held === undefined || "refused" in held) throw held?.refused;
    const answered = held.publish().then((answer) => {
      if (!answer.otherNodesReached) this.otherNodesReached = false;
      onAnswer(answer);
    }, onRefusal);
    this.#answers.push(answered);
    answered.catch(() => {});
  }

  /** Resolves when all events have their answers. */
  async answered(): Promise<void> {
    await Promise.all(this.#answers);
  }
}
