/**
 * How frames leave through Node's own streams, one for each consumer: over HTTP/2, which gRPC and Connect consumers speak, or a
 * socket. There is no broadcast, and most of them take what they are given only in a later turn of the event loop.
 */

import type { Writable } from "node:stream";
import { BufferedBytes } from "../../delivery/buffered-bytes.js";
import type { Consumer } from "../../delivery/consumer.js";
import { allTaken, type FanOut, type TurnPlan } from "../../delivery/fan-out.js";
import type { Frame } from "../../delivery/frames/frame.js";
import type { Hub } from "../../delivery/hub.js";
import type { View } from "../../delivery/view.js";
import type { WriteBatch } from "../../delivery/write-batch.js";
import type { Entry } from "../../directory/directory.js";
import type { Close } from "../../domain/closes.js";
import type { Principal } from "../../domain/instance.js";

/** The stream of one consumer, and what its protocol says in its own way. */
export interface WritableConnection {
  /** Its `error` event is the transport's to hear. */
  readonly writable: Writable;
  /** Asks the peer for a sign of life (over HTTP/2 a PING of the session), and tells `Hub.ponged` of the answer. */
  ping(): void;
  /** Writes why, after everything that was written, and ends the stream. */
  end(close: Close): void;
}

export interface WritableFanOutOptions {
  /**
   * Bytes that a stream may hold and still be given more, as a kernel's buffer would take them: they do not count as waiting.
   * 256 KiB by default, and by reference: what many streams hold is there once. A stream whose `highWaterMark` is higher is
   * given as much.
   */
  readonly heldBytesMax?: number;
  /** How long a stream may take to end, in ms; then it is destroyed. 60 s by default. */
  readonly endMsMax?: number;
}

/**
 * Half of the frames that may wait for a consumer, and what HTTP/2 lets a peer be sent unasked. A stream takes them when the turn
 * is over: with more, a reader would be taken for a slow one because a turn brought much.
 */
const turnFramesMax = 128;
const turnBytesMax = 64 * 1024;
/** As long as a frame of HTTP/2: a larger frame of ours goes in such pieces, so that what a stream holds of it falls in steps. */
const pieceBytes = 16 * 1024;
/** Frames that go to a stream as one. */
const batchFramesMax = 32;

export class WritableFanOut implements FanOut<WritableConnection> {
  readonly buffered = new BufferedBytes();
  /** A stream ends after what was written to it, whenever that is read. */
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

  /** Always hands over all of it, by reference: an end may not come in the midst of a frame. */
  write({ writable }: WritableConnection, batch: WriteBatch): number {
    writable.cork();
    for (const frame of batch) writePieces(writable, frame);
    writable.uncork();
    // Without the need for it `drain` would not come.
    return writable.writableNeedDrain && writable.writableLength >= this.#heldBytesMax ? 0 : allTaken;
  }

  bufferedBytes({ writable }: WritableConnection): number {
    return writable.writableLength;
  }

  /** A stream writes by itself as soon as it can. */
  nudge(): void {}

  ping(connection: WritableConnection): void {
    connection.ping();
  }

  end(connection: WritableConnection, close: Close): void {
    const { writable } = connection;
    const timer = setTimeout(() => writable.destroy(), this.#endMsMax).unref();
    writable.once("close", () => clearTimeout(timer));
    connection.end(close);
  }

  cut({ writable }: WritableConnection): void {
    writable.destroy();
  }
}

function writePieces(writable: Writable, frame: Frame): void {
  if (frame.length <= pieceBytes) writable.write(frame);
  else
    for (let at = 0; at < frame.length; at += pieceBytes)
      writable.write(frame.subarray(at, Math.min(at + pieceBytes, frame.length)));
}

/** Adds a consumer, and tells the hub what its stream says from then on. */
export function addWritable(
  hub: Hub,
  connection: WritableConnection,
  entry: Entry,
  principal: Principal,
  view: View<WritableConnection>,
): Consumer {
  const consumer = hub.add(connection, entry, principal, view);
  connection.writable.on("drain", () => hub.drained(consumer)).on("close", () => hub.remove(consumer));
  return consumer;
}
