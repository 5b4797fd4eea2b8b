/**
 * The interface between delivery and a transport. Delivery decides who gets which frames, in what order, and who is too
 * slow. A fan-out writes the frames to connections. Each kind of connection has a fan-out of its own.
 */

import type { Close } from "../domain/closes.js";
import type { BufferedBytes } from "./buffered-bytes.js";
import type { Frame } from "./frames/frame.js";
import type { WriteBatch } from "./write-batch.js";

/** The answer of `write` when the connection took every byte. Delivery may then write more to the connection. */
export const allTaken = -1;

/** Says which frames of a stream leave in this turn of the event loop. The other frames wait for the next turn. */
export interface TurnPlan {
  /** How many frames, from the first one on, go to each consumer by `write`. */
  readonly written: number;
  /**
   * The index after the last frame that is broadcast. The frames from index `written` up to this index go to all
   * consumers by one broadcast. No frame is broadcast when both numbers are equal.
   */
  readonly broadcast: number;
}

/**
 * `Connection` is the transport's own object for a connection. Delivery only hands it back to the fan-out. Delivery
 * writes frames in turns of the event loop that it starts itself (`setImmediate`), never within a call of the
 * transport.
 *
 * A connection may take bytes during a call or later. `bufferedBytes` says how many bytes it has not taken yet. The
 * transport calls `Hub.drained` when that number has become 0, and may call it more often. The transport calls
 * `Hub.remove` when a connection is gone, even while `end` or `cut` runs.
 */
export interface FanOut<Connection> {
  /**
   * How many bytes the connections of this fan-out hold for consumers that do not read. Delivery keeps the counts; the
   * fan-out may read them.
   */
  readonly buffered: BufferedBytes;
  /** Gives a frame to all consumers of a stream in one call. Absent when the transport cannot do so. */
  readonly broadcaster?: Broadcaster<Connection>;
  /**
   * Most KiB that a peer may not have read yet when `end` is called. If more is unread, delivery first waits until the
   * peer answers a ping. Infinite if the close reason always arrives, however long the peer takes to read.
   */
  readonly unreadMaxAtEnd: number;
  /** Returns how many bytes a frame takes on the connection, with the header of its message. */
  wireBytes(frame: Frame): number;
  /**
   * Plans which of these waiting frames leave in this turn. The first `atOnce` frames must leave in this turn, by
   * `write`.
   */
  planTurn(frames: readonly Frame[], atOnce: number): TurnPlan;
  /**
   * Returns the index after the last frame of the write batch that begins at `from`. A batch has at least one frame and
   * at most 256.
   */
  batchEnd(frames: readonly Frame[], from: number): number;
  /**
   * Hands a batch to a connection. `begun` is above 0 only for a batch of one frame: so many bytes of the frame were
   * handed over before, and only the rest is handed over now.
   *
   * Returns `allTaken` when the connection took every byte. Otherwise the connection is blocked, and delivery writes
   * nothing more until its `bufferedBytes` are 0. The return value is then how many bytes of the batch's only frame
   * delivery must hand over later; 0 means that nothing is left. Delivery hands over these bytes before any other
   * frame. Only a ping or an end may come before them.
   */
  write(connection: Connection, batch: WriteBatch, begun: number): number;
  /** Returns how many bytes the connection was given and has not taken yet. */
  bufferedBytes(connection: Connection): number;
  /**
   * Offers the connection again the bytes that it has not taken. It may take some of them before it reports that it
   * can.
   */
  nudge(connection: Connection): void;
  /**
   * Sends the peer a ping after everything that was handed over. When the peer answers, the transport calls
   * `Hub.ponged`.
   */
  ping(connection: Connection): void;
  /**
   * Sends the close reason after everything that was handed over, and then ends the connection. The fan-out must make
   * sure that the connection really ends.
   */
  end(connection: Connection, close: Close): void;
  /** Ends the connection at once, without a close reason. */
  cut(connection: Connection): void;
}

/**
 * Gives frames to all connections that joined a topic. The broadcaster does not say which connections took the frames.
 * `FanOut.bufferedBytes` says so one turn later.
 */
export interface Broadcaster<Connection> {
  join(connection: Connection, topic: string): void;
  /** Takes a connection out of a topic. The connection still gets the frames that were sent to the topic before. */
  leave(connection: Connection, topic: string): void;
  send(topic: string, frames: readonly Frame[]): void;
}
