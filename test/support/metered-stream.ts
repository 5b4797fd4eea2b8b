/** A stream of Node whose peer takes as many bytes as the test says. It has no buffer that it would fill without a word. */

import { Writable } from "node:stream";
import type { Consumer } from "../../src/delivery/consumer.js";
import type { Close } from "../../src/domain/closes.js";
import type { WritableConnection } from "../../src/transport/node/fan-out.js";
import { FrameReader } from "./framed-format.js";

export class MeteredStream implements WritableConnection {
  /** Whole frames that the peer has taken, in order. */
  readonly received: string[] = [];
  readonly writable: Writable;
  ended: Close | undefined;
  /** Once it is added to a hub. */
  consumer!: Consumer;
  pings = 0;
  /** The peer answers a ping. */
  onPong = (): void => {};
  /** Bytes that the peer still takes. */
  #room: number;
  #current: { readonly chunk: Buffer; at: number; readonly done: () => void } | undefined;
  readonly #frames = new FrameReader((frame) => void this.received.push(frame.toString()));

  constructor(room = Number.POSITIVE_INFINITY) {
    this.#room = room;
    this.writable = new Writable({
      highWaterMark: 1,
      write: (chunk, _, done) => {
        this.#current = { chunk, at: 0, done };
        this.#take();
      },
    });
  }

  get wasCut(): boolean {
    return this.writable.destroyed && this.ended === undefined;
  }

  ping(): void {
    this.pings++;
    setImmediate(() => this.onPong());
  }

  end(close: Close): void {
    this.ended = close;
    this.writable.end();
  }

  cut(): void {
    this.writable.destroy();
  }

  close(): void {
    this.writable.destroy();
  }

  /** The peer takes `bytes`. */
  drain(bytes: number): void {
    this.#room += bytes;
    this.#take();
  }

  #take(): void {
    const current = this.#current;
    if (current === undefined || this.writable.destroyed) return;
    const from = current.at;
    current.at = Math.min(current.chunk.length, from + this.#room);
    this.#room -= current.at - from;
    this.#frames.push(current.chunk.subarray(from, current.at));
    if (current.at < current.chunk.length) return;
    this.#current = undefined;
    current.done();
  }
}
