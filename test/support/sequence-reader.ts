/** One WebSocket client that compares what it gets with what its channel's filter took. */

import { once } from "node:events";
import WebSocket from "ws";
import type { Channel, Tally, Target } from "./exactness.js";

/** Frames that uWebSockets itself may hold of a blocked socket; they arrive before the close. */
const heldMax = 64;
const waitingMax = 256;

export class SequenceReader {
  readonly channel: Channel;
  /** How many taken events of the channel it has passed. */
  position: number;
  ended = false;
  readonly #client: WebSocket;
  readonly #target: Target;
  readonly #tally: Tally;
  #cut = false;
  #caughtUp: (() => void) | undefined;

  static async open(target: Target, channel: Channel, tally: Tally): Promise<SequenceReader> {
    const url = `${target.url.replace("http", "ws")}/ws/${channel.name}?token=${target.accountToken}`;
    const client = new WebSocket(url, { perMessageDeflate: false });
    const reader = new SequenceReader(client, target, channel, tally);
    await once(client, "open");
    return reader;
  }

  private constructor(client: WebSocket, target: Target, channel: Channel, tally: Tally) {
    this.#client = client;
    this.#target = target;
    this.#tally = tally;
    this.channel = channel;
    this.position = channel.dropped + channel.taken.length;
    client.on("message", (frame: Buffer) => this.#receive(frame));
    client.on("close", (code) => this.#close(code));
    client.on("error", () => {});
  }

  toggle(): void {
    if (this.#client.isPaused) this.#client.resume();
    else this.#client.pause();
  }

  /** Breaks the connection without a word. */
  cut(): void {
    this.#cut = true;
    this.#client.terminate();
  }

  /** Reads to the end, and leaves. */
  async finish(): Promise<void> {
    this.#client.resume();
    while (!this.ended && this.#missing().length > 0) {
      await new Promise<void>((resolve) => {
        this.#caughtUp = resolve;
      });
    }
    this.cut();
  }

  #receive(frame: Buffer): void {
    const n = Number(/"n":(\d+)/.exec(frame.toString("latin1", 0, 80))?.[1]);
    const expected = this.channel.taken[this.position++ - this.channel.dropped]?.n;
    if (n !== expected) throw new Error(`${this.channel.name}: expected ${expected}, got ${n}`);
    this.#tally.received++;
    this.#caughtUp?.();
  }

  #close(code: number): void {
    this.ended = true;
    this.#caughtUp?.();
    if (this.#cut) return;
    if (code !== 4008 && code !== 1006) throw new Error(`${this.channel.name}: closed with ${code}`);
    this.#tally.slowConsumers++;
    const missing = this.#missing();
    const bytes = missing.reduce((sum, event) => sum + event.bytes, 0);
    const tooMany = missing.length > waitingMax - heldMax;
    // The largest frame may have been the one that did not fit any more.
    if (!tooMany && bytes < this.#target.pendingBytesMax - 5 * 1024 * 1024) {
      throw new Error(`${this.channel.name}: closed with ${code} while only ${missing.length} frames waited`);
    }
  }

  /** What it should still get. */
  #missing(): Channel["taken"] {
    return this.channel.taken.slice(this.position - this.channel.dropped);
  }
}
