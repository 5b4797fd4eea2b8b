/**
 * The control frames for one consumer alone: `hello`, `pong` and `error`. Each consumer whose format has control frames has a
 * conversation here. A plain consumer has none, so it costs nothing.
 */

import { randomUUID } from "node:crypto";
import type { ControlFrame } from "../../gen/frames.js";
import type { Consumer } from "./consumer.js";
import { errorFrame, type Greeting, helloFrame, pongFrame, refusalGapFrame } from "./control-frames.js";
import type { Frame } from "./frames/frame.js";

/** A client may send nine messages that nobody understands within this time, in milliseconds. The tenth one ends the connection. */
const missesMs = 60_000;
const missesMax = 10;

/** From where on a consumer gets the frames of its stream. */
export interface Begun {
  /** The offset of the first frame. */
  readonly offset: number;
  /** The position up to which the consumer had got everything before. Undefined when there was no history. */
  readonly position: string | undefined;
}

interface Conversation {
  readonly connection: string;
  begun: Begun;
  /** How many frames of older events the consumer was given. */
  frames: number;
  /**
   * The `hello` that the consumer has not got yet, and the `gap` after it if there is one. A consumer that is blocked gets the frames
   * here when it has caught up.
   */
  hello: readonly Frame[] | undefined;
  /** The last `pong` that the consumer has not got yet. A new one replaces an older one, so that a client cannot pile them up. */
  pong: Frame | undefined;
  /** The last `error` that the consumer has not got yet. A new one replaces an older one. */
  error: Frame | undefined;
  /** When the last messages came that nobody understood: at most nine times, as `performance.now()` gives them. */
  readonly misses: number[];
}

export class Conversations {
  readonly #conversations = new Map<Consumer, Conversation>();
  /** The consumers that may have a frame to get in the next turn. */
  #due = new Set<Consumer>();

  /**
   * Prepares the `hello` of a new consumer, and a `gap` after it when the consumer cannot go on after the position that it named. The
   * format of the consumer must have control frames.
   */
  begin(consumer: Consumer, offset: number, greeting: Omit<Greeting, "connection">): void {
    const connection = randomUUID();
    const { resume, instance, position } = greeting;
    const frames: ControlFrame[] = [helloFrame({ connection, ...greeting })];
    if (resume !== undefined && "refusal" in resume) frames.push(refusalGapFrame(resume.from, instance));
    this.#conversations.set(consumer, {
      connection,
      begun: { offset, position },
      frames: 0,
      hello: frames.flatMap((control) => frameFor(consumer, () => control) ?? []),
      pong: undefined,
      error: undefined,
      misses: [],
    });
    this.#due.add(consumer);
  }

  /** Notes from where on a consumer gets the frames of its stream now. `frames` more were given to it before that. */
  stand(consumer: Consumer, begun: Begun, frames = 0): void {
    const conversation = this.#conversations.get(consumer);
    if (conversation === undefined) return;
    conversation.begun = begun;
    conversation.frames += frames;
  }

  /**
   * Says what is known of a consumer of a stream. `position` is that of the last event that it was handed, or the position where it
   * began. It is undefined when the last event had no position, while the consumer changes its stream and frames wait, and when no
   * history is kept. `frames` is how many frames the consumer was given before it joined. Undefined when `has` is false.
   */
  describe(consumer: Consumer): { position: string | undefined; frames: number } | undefined {
    const conversation = this.#conversations.get(consumer);
    if (conversation === undefined) return undefined;
    const { begun, frames } = conversation;
    const { handed, changing } = consumer;
    const place = handed !== undefined && handed.offset >= begun.offset ? handed : begun;
    return { position: changing ? undefined : place.position, frames };
  }

  /** Whether the consumer gets control frames. False for a plain consumer, and for one whose close is decided. */
  has(consumer: Consumer): boolean {
    return this.#conversations.has(consumer);
  }

  /** Returns the connection id in the consumer's `hello`. Undefined when `has` is false. */
  connectionId(consumer: Consumer): string | undefined {
    return this.#conversations.get(consumer)?.connection;
  }

  /** Prepares a `pong`. Does nothing when `has` is false. */
  answerPing(consumer: Consumer): void {
    const conversation = this.#conversations.get(consumer);
    if (conversation === undefined) return;
    conversation.pong = frameFor(consumer, pongFrame);
    this.#due.add(consumer);
  }

  /** Prepares an `error` with this message. False when it is the tenth within a minute: then the consumer must be closed. */
  misunderstood(consumer: Consumer, message: string): boolean {
    const conversation = this.#conversations.get(consumer);
    if (conversation === undefined) return true;
    const { misses } = conversation;
    const at = performance.now();
    if (misses.push(at) === missesMax && at - (misses.shift() as number) < missesMs) return false;
    conversation.error = frameFor(consumer, () => errorFrame(message));
    this.#due.add(consumer);
    return true;
  }

  /** Sends the first frames to a consumer that joined late, before its first frame. `offset` is the offset of this frame in its stream. */
  greet(consumer: Consumer, offset: number): void {
    const conversation = this.#conversations.get(consumer);
    if (conversation?.hello === undefined) return;
    const { hello } = conversation;
    conversation.hello = undefined;
    consumer.tell(hello, offset);
    this.#due.add(consumer);
  }

  /** Notes that a blocked consumer has got everything that waited for it. The next turn gives it its `pong` and `error`. */
  caughtUp(consumer: Consumer): void {
    if (this.#conversations.has(consumer)) this.#due.add(consumer);
  }

  /** Sends the prepared frames. A blocked consumer gets its frames after `caughtUp`, and a late one after `greet`. */
  tell(): void {
    if (this.#due.size === 0) return;
    const due = this.#due;
    this.#due = new Set();
    for (const consumer of due) {
      const conversation = this.#conversations.get(consumer);
      if (conversation !== undefined && !consumer.stream.isLate(consumer)) tellAll(consumer, conversation);
    }
  }

  /** Ends the conversation of a consumer whose close is decided. A consumer that has not got its `hello` yet gets it now. */
  end(consumer: Consumer): void {
    const conversation = this.#conversations.get(consumer);
    this.#conversations.delete(consumer);
    if (conversation?.hello !== undefined) consumer.tell(conversation.hello);
  }

  /** Forgets a consumer whose connection is gone. */
  gone(consumer: Consumer): void {
    this.#conversations.delete(consumer);
  }
}

function tellAll(consumer: Consumer, conversation: Conversation): void {
  if (conversation.hello !== undefined) {
    if (consumer.blocked) return;
    consumer.tell(conversation.hello);
    conversation.hello = undefined;
  }
  for (const kind of ["error", "pong"] as const) {
    const frame = conversation[kind];
    if (frame === undefined) continue;
    if (consumer.blocked) return;
    conversation[kind] = undefined;
    consumer.tell([frame]);
  }
}

/** Builds a frame in the format of a consumer. Undefined when this format has no control frames. */
function frameFor(consumer: Consumer, control: () => ControlFrame): Frame | undefined {
  const { format } = consumer.stream.view;
  return format.controlFrame?.(control());
}
