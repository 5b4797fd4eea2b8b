/**
 * The port between delivery and a transport. Delivery decides who gets which frames, in what order, and who is too slow. A
 * fan-out knows how the bytes leave: one for each kind of connection.
 */

import type { Close } from "../domain/closes.js";
import type { BufferedBytes } from "./buffered-bytes.js";
import type { Frame } from "./frames/frame.js";
import type { WriteBatch } from "./write-batch.js";

/** The answer of `write` when the connection took everything: it can be given more. */
export const allTaken = -1;

/** Which of the waiting frames leave in this turn of the event loop. The others wait for the next turn. */
export interface TurnPlan {
  /** The frames before this index go to each consumer by `write`. */
  readonly written: number;
  /** The frames from there on, before this index, go to all consumers by one broadcast. None when both are equal. */
  readonly broadcast: number;
}

/**
 * `Connection` is what the transport knows a consumer by; delivery only hands it back. Delivery hands over frames in turns of
 * its own (`setImmediate`), never within a call of the transport. Connections may take all that they get before a method
 * returns, or later: what they have not taken is in `bufferedBytes`, and the transport calls `Hub.drained` when that has
 * become nothing (it may call more often). It calls `Hub.remove` when the connection is gone, also within `end` and `cut`.
 */
export interface FanOut<Connection> {
  /** The bytes that the connections of this fan-out hold, as delivery counts them. */
  readonly buffered: BufferedBytes;
  /** Present when one call can give frames to all consumers of a stream. */
  readonly broadcaster?: Broadcaster<Connection>;
  /**
   * KiB that a peer may still have to read when `end` is called. With more, delivery first waits for the answer to a ping.
   * Infinite where the reason of the end arrives after everything, however long that takes.
   */
  readonly unreadMaxAtEnd: number;
  /** Bytes that a frame is on the connection. */
  wireBytes(frame: Frame): number;
  /** `atOnce`: so many of the first frames must leave now, by `write`. */
  planTurn(frames: readonly Frame[], atOnce: number): TurnPlan;
  /** Where the batch that begins at `from` ends: what one write hands over, at least one frame and at most 256. */
  batchEnd(frames: readonly Frame[], from: number): number;
  /**
   * Hands over a batch; of a batch of one frame only what comes after its first `begun` bytes. Answers `allTaken`; else the
   * connection is blocked and gets nothing more until its `bufferedBytes` are 0. Then the answer is how many bytes of the
   * batch's only frame are not handed over: 0 when all are. They are handed over before all else, but for a ping or an end.
   */
  write(connection: Connection, batch: WriteBatch, begun: number): number;
  /** Bytes that the connection has not taken yet. */
  bufferedBytes(connection: Connection): number;
  /** Offers the connection its untaken bytes again. It may take some of them before it reports that it can. */
  nudge(connection: Connection): void;
  /**
   * Sends the peer a ping after everything that was handed over. When the answer comes, the transport calls
   * `Hub.ponged`.
   */
  ping(connection: Connection): void;
  /**
   * Sends the close reason after everything that was handed over, and ends the connection. The fan-out makes sure that
   * this does end.
   */
  end(connection: Connection, close: Close): void;
  /** Ends the connection at once, without a reason. */
  cut(connection: Connection): void;
}

/**
 * Gives frames to all connections that joined a topic. It does not say which connections took them; `bufferedBytes`
 * does so a turn later.
 */
export interface Broadcaster<Connection> {
  join(connection: Connection, topic: string): void;
  /** What was sent before still reaches the connection. */
  leave(connection: Connection, topic: string): void;
  send(topic: string, frames: readonly Frame[]): void;
}
