/** How frames leave through uWebSockets: one cork per socket, native broadcasts, fragments while much is copied. */

import { BufferedBytes } from "../../delivery/buffered-bytes.js";
import { allTaken, type Broadcaster, type FanOut } from "../../delivery/fan-out.js";
import type { Frame } from "../../delivery/frames/frame.js";
import type { WriteBatch } from "../../delivery/write-batch.js";
import type { Close } from "../../domain/closes.js";
import { fragmentBytes, sendFragments } from "./fragments.js";
import { offerAgain, unreadMaxAtEnd, writeCorked } from "./quirks.js";
import type { UwsSocket } from "./socket.js";
import { batchEnd, planTurn, wireBytes } from "./write-plan.js";

/** Queues a frame for every socket that is subscribed to the topic; uWebSockets writes it at the end of the turn. */
export type Publish = (topic: string, frame: Uint8Array) => void;

/**
 * What uWebSockets may have copied for blocked sockets, in bytes: at least `min`, and more when `perSocket` for each open one
 * is more. Beyond it large frames go in fragments, so that the kernel's refusal leaves less to copy.
 */
export interface CopyLimit {
  readonly min: number;
  readonly perSocket: number;
}

/**
 * A small node's few slow readers never come to 1 MiB, so they never make frames dearer for the others. With 1 KiB each a
 * socket that does not read costs a few KiB in the mean, however many there are.
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

  /** From here on large frames go in fragments. */
  get copiesAreFull(): boolean {
    const { bytes, connections } = this.buffered;
    return bytes >= Math.max(this.#copyLimit.min, connections * this.#copyLimit.perSocket);
  }

  /** What is begun goes on in one piece when not much is copied any more. */
  #fragment(socket: UwsSocket, frame: Frame, begun: number): number {
    return sendFragments(socket, frame, begun, this.copiesAreFull ? fragmentBytes : frame.length);
  }
}

/** Tells the answer to our ping from the pongs that some clients send unasked, which are empty. */
const pingPayload = "e";

/** Whether the payload of a pong is that of our pings. */
export function answersPing(payload: ArrayBuffer): boolean {
  return payload.byteLength === pingPayload.length;
}
