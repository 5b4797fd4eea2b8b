/**
 * The fan-out for WebSockets of uWebSockets. It writes several frames to a socket in one cork, and broadcasts frames by
 * topic. It sends large frames in fragments while uWebSockets holds copies of many bytes.
 */

import { BufferedBytes } from "../../delivery/buffered-bytes.js";
import { allTaken, type Broadcaster, type FanOut } from "../../delivery/fan-out.js";
import type { Frame } from "../../delivery/frames/frame.js";
import type { WriteBatch } from "../../delivery/write-batch.js";
import type { Close } from "../../domain/closes.js";
import { fragmentBytes, sendFragments } from "./fragments.js";
import { offerAgain, unreadMaxAtEnd, writeCorked } from "./quirks.js";
import type { UwsSocket } from "./socket.js";
import { batchEnd, planTurn, wireBytes } from "./write-plan.js";

/**
 * Queues a frame for every socket that is subscribed to the topic. uWebSockets writes the frame at the end of the turn
 * of the event loop.
 */
export type Publish = (topic: string, frame: Uint8Array) => void;

/**
 * Most bytes that uWebSockets may have copied for blocked sockets: `min` bytes, or `perSocket` bytes for each open
 * socket if that is more. Above the limit, large frames go in fragments. Then less is left to copy when the kernel of a
 * socket refuses bytes.
 */
export interface CopyLimit {
  readonly min: number;
  readonly perSocket: number;
}

/**
 * The default limit. The few slow readers of a small node never make 1 MiB of copies, so large frames do not get dearer
 * for other readers. With 1 KiB per socket, a socket that does not read costs a few KiB on average, however many
 * sockets do not read.
 */
const copyLimitDefault: CopyLimit = { min: 1024 * 1024, perSocket: 1024 };

export class UwsFanOut implements FanOut<UwsSocket> {
  readonly buffered = new BufferedBytes();
  readonly broadcaster: Broadcaster<UwsSocket>;
  readonly unreadMaxAtEnd = unreadMaxAtEnd;
  readonly wireBytes = wireBytes;
  readonly planTurn = planTurn;
  readonly batchEnd = batchEnd;
  readonly #copyLimit: CopyLimit;

  constructor(publish: Publish, copyLimit = copyLimitDefault) {
    this.#copyLimit = copyLimit;
    this.broadcaster = {
      join: (socket, topic) => void socket.subscribe(topic),
      leave: (socket, topic) => void socket.unsubscribe(topic),
      send(topic, frames) {
        for (const frame of frames) publish(topic, frame);
      },
    };
  }

  write(socket: UwsSocket, batch: WriteBatch, begun: number): number {
    if (batch.length > 1) return writeCorked(socket, batch) === 0 ? allTaken : 0;
    const frame = batch[0] as Frame;
    if (begun > 0 || (frame.length > fragmentBytes && this.copiesAreFull)) return this.#fragment(socket, frame, begun);
    return socket.send(frame, false) === 0 ? 0 : allTaken;
  }

  bufferedBytes(socket: UwsSocket): number {
    return socket.getBufferedAmount();
  }

  nudge(socket: UwsSocket): void {
    offerAgain(socket);
  }

  ping(socket: UwsSocket): void {
    socket.ping(pingPayload);
  }

  end(socket: UwsSocket, close: Close): void {
    socket.end(close.code, close.reason);
  }

  cut(socket: UwsSocket): void {
    socket.close();
  }

  /** Whether uWebSockets has copied so many bytes for blocked sockets that large frames have to go in fragments. */
  get copiesAreFull(): boolean {
    const { bytes, connections } = this.buffered;
    return bytes >= Math.max(this.#copyLimit.min, connections * this.#copyLimit.perSocket);
  }

  /**
   * Sends a frame in fragments, or the rest of a frame after its first `begun` bytes. The rest goes in one piece when
   * uWebSockets holds few copied bytes again.
   */
  #fragment(socket: UwsSocket, frame: Frame, begun: number): number {
    return sendFragments(socket, frame, begun, this.copiesAreFull ? fragmentBytes : frame.length);
  }
}

/** The payload of our pings. The answers to our pings repeat it. The pongs that some clients send unasked are empty. */
const pingPayload = "e";

/** Whether a pong answers a ping of ours. Then its payload is as long as the payload of our pings. */
export function answersPing(payload: ArrayBuffer): boolean {
  return payload.byteLength === pingPayload.length;
}
