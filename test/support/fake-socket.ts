/** A socket whose kernel takes as many bytes as the test says. */

import type { Socket } from "../../src/hub/socket.js";

export class FakeSocket implements Socket {
  /** Whole frames that the kernel has taken, in order. */
  readonly received: string[] = [];
  ended: { code: number; reason: string } | undefined;
  wasCut = false;
  /** For the transport's two handlers. */
  onDrain = (): void => {};
  onClose = (): void => {};
  /** Bytes that the kernel still takes. */
  #room: number;
  /** Frames that wait in user space, each with its bytes that are not taken yet. */
  #buffer: { text: string; left: number }[] = [];
  #corked = false;

  constructor(room = Number.POSITIVE_INFINITY) {
    this.#room = room;
  }

  /** Frames that the kernel has not wholly taken. */
  get inside(): number {
    return this.#buffer.length;
  }

  send(frame: Uint8Array): number {
    const length = frame.length;
    const left = length + (length < 126 ? 2 : length < 65_536 ? 4 : 10);
    this.#buffer.push({ text: Buffer.from(frame).toString(), left });
    if (this.#corked) return 1;
    this.#write();
    return this.#buffer.length === 0 ? 1 : 0;
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
    this.ended = { code, reason };
    this.onClose();
  }

  close(): void {
    this.wasCut = true;
    this.onClose();
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
      this.received.push(first.text);
      this.#buffer.shift();
    }
  }
}
