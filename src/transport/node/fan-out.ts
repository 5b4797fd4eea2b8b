/**
 * The fan-out for consumers of gRPC and Connect. Each consumer has a Node.js stream of its own, over HTTP/2 or a
 * socket. This fan-out has no broadcast. Most of its streams pass on the bytes that they get only in a later turn of
 * the event loop.
 */

import type { Writable } from "node:stream";
import { BufferedBytes } from "../../delivery/buffered-bytes.js";
import type { Consumer } from "../../delivery/consumer.js";
import { allTaken, type FanOut, type TurnPlan } from "../../delivery/fan-out.js";
import type { Frame } from "../../delivery/frames/frame.js";
import type { Asked, Hub } from "../../delivery/hub.js";
import type { Scope } from "../../delivery/stream-registry.js";
import type { View } from "../../delivery/view.js";
import type { WriteBatch } from "../../delivery/write-batch.js";
import type { Close } from "../../domain/closes.js";
import type { Principal } from "../../domain/instance.js";

/** The connection of one consumer: the stream, and the operations that each protocol does in its own way. */
export interface WritableConnection {
  /** The stream to which frames are written. The transport must listen for the stream's `error` event. */
  readonly writable: Writable;
  /**
   * Sends a ping to the peer; over HTTP/2 this is a PING of the session. When the answer comes, the transport calls
   * `Hub.ponged`.
   */
  ping(): void;
  /** Writes the reason of the close after everything that was written before, and ends the stream. */
  end(close: Close): void;
  /** Ends the stream at once. */
  cut(): void;
}

export interface WritableFanOutOptions {
  /**
   * How many bytes a stream may hold before it is blocked; 256 KiB by default. Fewer bytes count as taken, like bytes
   * in a kernel's buffer. A stream whose `highWaterMark` is higher may hold that many bytes. Streams that hold the same
   * frame share the memory of the frame.
   */
  readonly heldBytesMax?: number;
  /**
   * Longest time that a stream may take to end, in milliseconds; 60,000 by default. After that the stream is cut.
   */
  readonly endMsMax?: number;
}

/**
 * Most frames that a consumer gets in one turn of the event loop: half of the frames that may wait for a consumer. A
 * stream passes frames on only after that turn. With more frames, one busy turn of the event loop could make a fast
 * consumer look slow.
 */
const turnFramesMax = 128;
/**
 * Most bytes that a consumer gets in one turn of the event loop: as many as HTTP/2 lets a node send before the peer
 * grants more.
 */
const turnBytesMax = 64 * 1024;
/**
 * Largest piece that is written to a stream, in bytes: the length of an HTTP/2 frame. A larger event frame is written
 * in several pieces, so that the bytes that the stream holds go down step by step.
 */
const pieceBytes = 16 * 1024;
/** Most frames that are written to a stream as one batch. */
const batchFramesMax = 32;

export class WritableFanOut implements FanOut<WritableConnection> {
  readonly buffered = new BufferedBytes();
  /**
   * A peer may have any number of bytes left to read when its stream ends, because the end always arrives after
   * everything that was written.
   */
  readonly unreadMaxAtEnd = Number.POSITIVE_INFINITY;
  readonly #heldBytesMax: number;
  readonly #endMsMax: number;

  constructor({ heldBytesMax = 256 * 1024, endMsMax = 60_000 }: WritableFanOutOptions = {}) {
    this.#heldBytesMax = heldBytesMax;
    this.#endMsMax = endMsMax;
  }

  wireBytes(frame: Frame): number {
    return frame.length;
  }

  planTurn(frames: readonly Frame[], atOnce: number): TurnPlan {
    let bytes = 0;
    let at = 0;
    while (at < frames.length) {
      bytes += (frames[at] as Frame).length;
      const tooMuch = at >= turnFramesMax || (bytes > turnBytesMax && at > 0);
      if (tooMuch && at >= atOnce) break;
      at++;
    }
    return { written: at, broadcast: at };
  }

  batchEnd(frames: readonly Frame[], from: number): number {
    let bytes = 0;
    let at = from;
    while (at < frames.length && at - from < batchFramesMax) {
      bytes += (frames[at] as Frame).length;
      if (bytes > pieceBytes && at > from) break;
      at++;
    }
    return at;
  }

  /**
   * Gives the stream the whole batch, because a stream must not end in the middle of a frame. The bytes are not copied.
   */
  write({ writable }: WritableConnection, batch: WriteBatch): number {
    if (batch.length === 1 && (batch[0] as Frame).length <= pieceBytes) writable.write(batch[0]);
    else {
      writable.cork();
      for (const frame of batch) writePieces(writable, frame);
      writable.uncork();
    }
    // A stream emits `drain` only if it needs a drain. Without that event the stream would stay blocked.
    return writable.writableNeedDrain && writable.writableLength >= this.#heldBytesMax ? 0 : allTaken;
  }

  bufferedBytes({ writable }: WritableConnection): number {
    return writable.writableLength;
  }

  /** Does nothing, because a stream writes by itself as soon as it can. */
  nudge(): void {}

  ping(connection: WritableConnection): void {
    connection.ping();
  }

  end(connection: WritableConnection, close: Close): void {
    const { writable } = connection;
    const timer = setTimeout(() => connection.cut(), this.#endMsMax).unref();
    writable.once("close", () => clearTimeout(timer));
    connection.end(close);
  }

  cut(connection: WritableConnection): void {
    connection.cut();
  }
}

function writePieces(writable: Writable, frame: Frame): void {
  if (frame.length <= pieceBytes) writable.write(frame);
  else
    for (let at = 0; at < frame.length; at += pieceBytes)
      writable.write(frame.subarray(at, Math.min(at + pieceBytes, frame.length)));
}

/** Adds a consumer to the hub, and tells the hub when the consumer's stream has drained or closed. */
export function addWritable(
  hub: Hub,
  connection: WritableConnection,
  scope: Scope,
  principal: Principal,
  view: View<WritableConnection>,
  asked?: Asked,
): Consumer {
  const consumer = hub.add(connection, scope, principal, view, asked);
  connection.writable.on("drain", () => hub.drained(consumer)).on("close", () => hub.remove(consumer));
  return consumer;
}
