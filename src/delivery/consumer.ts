/**
 * A consumer: one open connection. Frames are written to the connection as long as it takes them. Other frames wait in
 * the frame log, and when too many wait, the consumer is too slow.
 */

import type { Close } from "../domain/closes.js";
import type { Principal } from "../domain/instance.js";
import { Backlog } from "./backlog.js";
import { allTaken } from "./fan-out.js";
import type { Frame } from "./frames/frame.js";
import { Peer } from "./peer.js";
import type { Place } from "./places.js";
import type { Stream } from "./stream.js";
import type { WriteBatch } from "./write-batch.js";

/** Keep this class small, with few fields and no closures: a node may have hundreds of thousands of consumers. */
export class Consumer extends Peer {
  readonly principal: Principal;
  /**
   * The offset of the first frame that this consumer gets. Earlier frames were accepted before the consumer joined. For a consumer
   * that has changed its stream, the end of the log less `joinedAt` is still the number of all frames that it was given.
   */
  joinedAt: number;
  /** The index of this consumer in the list of its stream; -1 when the consumer is not in the list any more. */
  index = -1;
  readonly #openedAt = now();
  #open = true;
  /** Whether the consumer takes part in the broadcasts of its stream while it is not blocked. */
  #broadcasts = false;
  /** The frames that wait for this consumer. Present only while the consumer is blocked. */
  #backlog: Backlog | undefined;

  constructor(connection: unknown, stream: Stream, principal: Principal) {
    super(connection, stream);
    this.principal = principal;
    this.joinedAt = stream.log.end + stream.ahead;
  }

  /** False once the connection is gone. Then nothing may touch the connection any more. */
  get open(): boolean {
    return this.#open;
  }

  /** Whether the connection is blocked, so that frames wait for this consumer. */
  get blocked(): boolean {
    return this.#backlog !== undefined;
  }

  /** How many bytes other than frames the connection holds. They are pongs, which answer pings of the peer. */
  get heldBesideFrames(): number {
    return this.buffered - (this.#backlog?.held ?? 0);
  }

  /** How many bytes wait for this consumer. A frame counts in full, even if it waits for other consumers too. */
  get waitingBytes(): number {
    return this.#backlog?.bytes(this.buffered) ?? this.buffered;
  }

  /** Whether the consumer has changed its stream, and frames from before the change wait for it. */
  get changing(): boolean {
    return this.#backlog?.changing ?? false;
  }

  /** The place of the last event that was handed over, in the log that the consumer reads. */
  get handed(): Place | undefined {
    const { log } = this.stream;
    return this.#backlog === undefined ? log.placeBefore(log.end) : this.#backlog.handed;
  }

  /**
   * Describes the consumer for the report of its close. Call `describe` before the waiting frames are dropped. `before` is how many
   * frames were handed over before the consumer joined its stream.
   */
  describe(hasJoined = true, before = 0) {
    const waitingFrames = this.#backlog?.frames(this.buffered) ?? 0;
    return {
      openSeconds: now() - this.#openedAt,
      framesDelivered: Math.max(0, before + (hasJoined ? this.stream.log.end - this.joinedAt : 0) - waitingFrames),
      waitingFrames,
      waitingBytes: this.waitingBytes,
    };
  }

  /**
   * Makes the consumer take part in the broadcasts of its stream. A blocked consumer begins to take part when it is not
   * blocked any more.
   */
  joinBroadcasts(): void {
    this.#broadcasts = true;
    if (this.#backlog === undefined) this.#join();
  }

  /**
   * Checks whether the connection took the last broadcast. If the connection did not, the consumer is blocked from now
   * on.
   */
  check(broadcast: WriteBatch): void {
    if (this.#backlog === undefined && this.buffered > 0) this.#hold(broadcast, this.stream.log.end);
  }

  /**
   * Hands batches of frames to the connection until it is blocked. The other batches wait in the log. The caller must
   * have appended the frames to the log, the first frame at `offset`. False when too much waits and the consumer must
   * be closed.
   */
  deliver(batches: readonly WriteBatch[], offset: number, bytesMax: number): boolean {
    let end = offset;
    for (const batch of batches) {
      if (this.#backlog !== undefined) return this.park(bytesMax);
      end += batch.length;
      this.#write(batch, 0, end);
    }
    return true;
  }

  /**
   * Lets the frames that were just appended to the log wait for this consumer if it is blocked. A consumer that is not
   * blocked gets these frames by a broadcast. False when too much waits and the consumer must be closed.
   */
  park(bytesMax: number): boolean {
    return this.#backlog === undefined || this.#backlog.fits(this.buffered, bytesMax);
  }

  /**
   * Hands over control frames for this consumer alone, one or two of at most 4 KiB. The consumer must not be blocked. The frames stand
   * before the frame at `offset` of the stream. What the connection does not take of them waits, like a frame of the stream.
   */
  tell(frames: WriteBatch, offset = this.stream.log.end): void {
    if (this.index === -1) this.give(frames);
    else if (this.stream.fanOut.write(this.connection, frames, 0) !== allTaken) {
      // The connection may also hold frames of a broadcast that nobody has checked yet. They were handed over earlier.
      this.#hold([...this.stream.unchecked, ...frames], offset);
    }
  }

  /**
   * Hands over frames to a consumer that gets no frames of its stream: it has not joined yet, or has left. The consumer must not be
   * blocked. What the connection does not take waits for it. `positions` are those of the frames, when they are frames of events.
   */
  give(frames: readonly Frame[], positions: readonly string[] = []): void {
    this.#backlog = Backlog.of(this.stream.fanOut, frames, positions);
    this.#handOver();
  }

  /** Goes over to another stream of the same fan-out without having joined the present one. */
  readIn(to: Stream): void {
    this.moveTo(to);
  }

  /**
   * Lets the consumer change to another stream of the same fan-out, at the end of the log of that stream. The consumer gets `frame`
   * after all frames of its present stream, and before all frames of the other one. With its present stream as `to` the
   * consumer gets `frame` and stays.
   */
  change(to: Stream, frame: Frame): void {
    const from = this.stream;
    const blocked = this.#backlog !== undefined;
    if (!blocked) this.tell([frame]);
    if (blocked || to !== from) this.#backlog?.change(to.log, blocked ? [frame] : [], to.waiting);
    if (to === from) return;
    if (this.#broadcasts && this.#backlog === undefined) this.#leave();
    this.#broadcasts = false;
    this.joinedAt += to.log.end - from.log.end;
    this.moveTo(to);
  }

  /**
   * Hands over the frames that wait in the log, until the connection is blocked again. Does nothing while the
   * connection still holds bytes.
   */
  resume(): void {
    if (this.buffered === 0) this.#handOver();
  }

  #handOver(): void {
    for (let backlog = this.#backlog; backlog !== undefined; backlog = this.#backlog) {
      const batch = backlog.next();
      if (batch.length === 0) this.#unblock();
      else if (!this.#write(batch, backlog.begun, this.stream.log.end)) return;
    }
  }

  /**
   * Sends the close reason and ends the connection. The waiting frames are dropped, even the rest of a frame of which
   * the connection got a part.
   */
  end(close: Close): void {
    this.#forget();
    this.stream.fanOut.end(this.connection, close);
  }

  /** Ends the connection without a close reason. */
  cut(): void {
    this.#forget();
    this.stream.fanOut.cut(this.connection);
  }

  /**
   * Drops the frames that wait for this consumer. Call `drop` when the consumer is to be closed and its close reason
   * has to wait. From now on the consumer gets no broadcast. Where `closing` comes before the close, a frame that was handed over
   * in part is finished first.
   */
  drop(): void {
    if (this.#backlog === undefined && this.#broadcasts) this.#leave();
    this.#broadcasts = false;
    this.stream.waiting.blocked.delete(this);
    this.#backlog?.drop(this.stream.hasControls ? this.stream.waiting : undefined);
  }

  /** Tells the consumer that its connection is gone, whichever side ended the connection. */
  gone(): void {
    this.#open = false;
    this.#forget();
  }

  #join(): void {
    this.stream.fanOut.broadcaster?.join(this.connection, this.stream.topic);
  }

  #leave(): void {
    this.stream.fanOut.broadcaster?.leave(this.connection, this.stream.topic);
  }

  #forget(): void {
    if (this.#backlog === undefined) return;
    this.stream.waiting.blocked.delete(this);
    this.#backlog.clear();
    this.#backlog = undefined;
  }

  /**
   * Blocks the consumer. From now on all frames from `offset` on wait for it. The consumer leaves the broadcasts,
   * because a broadcast must not come between two parts of a frame.
   */
  #block(offset: number): Backlog {
    const { fanOut, log, waiting } = this.stream;
    if (this.#broadcasts) this.#leave();
    waiting.blocked.add(this);
    this.#backlog = new Backlog(fanOut, log, offset);
    return this.#backlog;
  }

  #unblock(): void {
    this.#forget();
    if (this.#broadcasts) this.#join();
  }

  /**
   * Hands over a batch that ends at the offset `end`. Of a batch of one frame, only the bytes after the first `begun`
   * bytes are handed over. False when the connection is blocked after the write.
   */
  #write(batch: WriteBatch, begun: number, end: number): boolean {
    const left = this.stream.fanOut.write(this.connection, batch, begun);
    if (left > 0) {
      const backlog = this.#backlog ?? this.#block(end - 1);
      backlog.holdBegun((batch[0] as Frame).length - left, this.buffered);
      return false;
    }
    this.#backlog?.handedOver(batch.length);
    if (left === allTaken) return true;
    this.#hold(batch, end);
    return false;
  }

  #hold(inside: WriteBatch, end: number): void {
    const backlog = this.#backlog ?? this.#block(end);
    backlog.hold(inside, this.buffered);
  }
}

/**
 * Returns the time in whole seconds. JavaScript keeps a small integer within the object. A fraction would take memory
 * of its own for each consumer.
 */
function now(): number {
  return Math.floor(performance.now() / 1000);
}
