/** Frames for a stream of bytes: each with its length before it, as gRPC and Connect do. */

import type { Frame, FrameFormat } from "../../src/delivery/frames/frame.js";

/** A byte of flags and four of length. */
const headBytes = 5;

export function framed(frame: Uint8Array, flags = 0): Frame {
  const head = Buffer.alloc(headBytes);
  head.writeUInt8(flags);
  head.writeUInt32BE(frame.length, 1);
  return Buffer.concat([head, frame]);
}

export function framedFormat(format: FrameFormat): FrameFormat {
  const { controlFrame } = format;
  return {
    ...(controlFrame !== undefined && { controlFrame: (control) => framed(controlFrame(control)) }),
    builderFor(instance) {
      const build = format.builderFor(instance);
      return (event, media, position) => framed(build(event, media, position));
    },
  };
}

/** Cuts what arrives into frames again. */
export class FrameReader {
  #bytes = Buffer.alloc(0);
  readonly #onFrame: (frame: Buffer, flags: number) => void;

  constructor(onFrame: (frame: Buffer, flags: number) => void) {
    this.#onFrame = onFrame;
  }

  push(bytes: Uint8Array): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    while (this.#bytes.length >= headBytes) {
      const end = headBytes + this.#bytes.readUInt32BE(1);
      if (this.#bytes.length < end) return;
      const [flags, frame] = [this.#bytes.readUInt8(), this.#bytes.subarray(headBytes, end)];
      this.#bytes = this.#bytes.subarray(end);
      this.#onFrame(frame, flags);
    }
  }
}
