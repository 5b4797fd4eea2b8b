/** Sockets whose kernel takes as many bytes as the test says, and topics as uWebSockets keeps them. */

import type { Consumer } from "../../src/delivery/consumer.js";
import type { UwsSocket } from "../../src/transport/uws/socket.js";

/** A socket's queue is written when it holds 32 frames, before anything else is sent to it, or at the end of the turn. */
const queueMax = 32;

export class FakeTopics {
  readonly #members = new Map<string, Set<FakeSocket>>();

  of(topic: string): Set<FakeSocket> {
    const members = this.#members.get(topic) ?? new Set();
    this.#members.set(topic, members);
    return members;
  }

  leave(socket: FakeSocket): void {
    for (const members of this.#members.values()) members.delete(socket);
  }

  readonly publish = (topic: string, frame: Uint8Array): void => {
    for (const socket of this.of(topic)) socket.queue(frame);
  };
}

export class FakeSocket implements UwsSocket {
  /** Whole frames that the kernel has taken, in order. */
  readonly received: string[] = [];
  ended: { code: number; reason: string } | undefined;
  /** Once it is added to a hub. */
  consumer!: Consumer;
  wasCut = false;
  pings = 0;
  /** Messages that were begun as fragments. */
  fragmented = 0;
  /** For the transport's two handlers. */
  onDrain = (): void => {};
  /** The peer has read a ping and answers. */
  onPong = (): void => {};
  onClose = (): void => {};
  /** Bytes that the kernel still takes. */
  #room: number;
  /** Frames and fragments that wait in user space, each with its bytes that are not taken yet. */
  #buffer: { payload: Buffer; last: boolean; left: number; ping?: true }[] = [];
  /** A fragmented message was begun and not ended. */
  #unfinished = false;
  /** What the kernel has taken of it. */
  #fragments: Buffer[] = [];
  #corked = false;
  #queue: Uint8Array[] = [];
  readonly #topics: FakeTopics;

  constructor(topics: FakeTopics, room = Number.POSITIVE_INFINITY) {
    this.#topics = topics;
    this.#room = room;
  }

  subscribe(topic: string): void {
    this.#topics.of(topic).add(this);
  }

  unsubscribe(topic: string): void {
    this.#topics.of(topic).delete(this);
  }

  queue(frame: Uint8Array): void {
    if (this.#queue.length === queueMax) this.#writeQueue();
    if (this.#queue.push(frame) === 1) setImmediate(() => this.#writeQueue());
  }

  #writeQueue(): void {
    const frames = this.#queue;
    this.#queue = [];
    if (frames.length > 0) this.cork(() => frames.forEach((frame) => void this.send(frame)));
  }

  send(frame: Uint8Array): number {
    this.#writeQueue();
    if (this.#unfinished) throw new Error("a frame between the fragments of another");
    return this.#send(frame, true);
  }

  sendFirstFragment(fragment: Uint8Array): number {
    this.#writeQueue();
    if (this.#unfinished) throw new Error("a message between the fragments of another");
    this.#unfinished = true;
    this.fragmented++;
    return this.#send(fragment, false);
  }

  sendFragment(fragment: Uint8Array): number {
    return this.#continue(fragment, false);
  }

  sendLastFragment(fragment: Uint8Array): number {
    return this.#continue(fragment, true);
  }

  #continue(fragment: Uint8Array, last: boolean): number {
    this.#writeQueue();
    if (!this.#unfinished) throw new Error("a fragment of no message");
    this.#unfinished = !last;
    return this.#send(fragment, last);
  }

  #send(payload: Uint8Array, last: boolean): number {
    const length = payload.length;
    const left = length + (length < 126 ? 2 : length < 65_536 ? 4 : 10);
    this.#buffer.push({ payload: Buffer.from(payload), last, left });
    if (this.#corked) return 1;
    this.#write();
    return this.#buffer.length === 0 ? 1 : 0;
  }

  ping(_payload: string): void {
    this.pings++;
    this.#writeQueue();
    this.#buffer.push({ payload: Buffer.alloc(0), last: true, left: 2, ping: true });
    this.#write();
  }

  cork(write: () => void): void {
    this.#corked = true;
    write();
    this.#corked = false;
    this.#write();
  }

  getBufferedAmount(): number {
    return this.#buffer.reduce((sum, { left }) => sum + left, 0);
  }

  end(code: number, reason: string): void {
    this.#writeQueue();
    this.ended = { code, reason };
    this.#topics.leave(this);
    this.onClose();
  }

  close(): void {
    this.wasCut = true;
    this.#topics.leave(this);
    this.onClose();
  }

  /** The reader takes `bytes`, and the kernel does not say so yet. */
  makeRoom(bytes: number): void {
    this.#room += bytes;
  }

  /** The reader takes `bytes`; whoever waits for room hears of it. */
  drain(bytes: number): void {
    this.#room += bytes;
    const waited = this.#buffer.length > 0;
    this.#write();
    if (waited) this.onDrain();
  }

  #write(): void {
    for (let first = this.#buffer[0]; first !== undefined && this.#room > 0; first = this.#buffer[0]) {
      const taken = Math.min(this.#room, first.left);
      this.#room -= taken;
      first.left -= taken;
      if (first.left > 0) return;
      this.#buffer.shift();
      if (first.ping) {
        setImmediate(() => this.onPong());
        continue;
      }
      this.#fragments.push(first.payload);
      if (first.last) this.received.push(Buffer.concat(this.#fragments.splice(0)).toString());
    }
  }
}
