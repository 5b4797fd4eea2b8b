/** What two workers of one machine say to each other: frames of a length, a kind and a body. */

import type { Event } from "./bus.js";
import { decodeEvent, encodeEvent } from "./event-codec.js";

/** The length counts kind and body, and takes four bytes, least significant first. */
const headBytes = 4;
const kindBytes = 1;

export const frameKinds = {
  /** First from whoever dialled: its name, so that the other knows whom it speaks with. */
  hello: 1,
  /** An instance that the sender wants the events of, or no longer. */
  subscribe: 2,
  unsubscribe: 3,
  /** A number that comes back, once everything from before it was read. */
  ping: 4,
  pong: 5,
  event: 6,
} as const;

export function textFrame(kind: number, text: string): Buffer {
  return frame(kind, Buffer.from(text));
}

export function numberFrame(kind: number, number: number): Buffer {
  const body = Buffer.allocUnsafe(8);
  body.writeDoubleLE(number);
  return frame(kind, body);
}

/** The link keeps the order and loses nothing, so events need no numbers. */
export function eventFrame(event: Event): Buffer {
  const id = Buffer.from(event.instanceId);
  const encoded = encodeEvent({ event, origin: "", series: 0, sequence: 0 });
  const { buffer, byteOffset, byteLength } = encoded;
  return frame(frameKinds.event, Buffer.from([id.length]), id, Buffer.from(buffer, byteOffset, byteLength));
}

export const readText = (body: Buffer): string => body.toString();
export const readNumber = (body: Buffer): number => body.readDoubleLE();

/** The data is a view of `body`. Throws for what no worker sends: all workers are of one release and know the same types. */
export function readEvent(body: Buffer): Event {
  const idEnd = 1 + body.readUInt8();
  const { event } = decodeEvent(body.toString("latin1", 1, idEnd), body.subarray(idEnd));
  if (event === undefined) throw new Error("another worker sent an unknown type of event");
  return event;
}

/** Cuts what arrives into frames, whose bodies are views of what arrived where that is possible. */
export function createFrameReader(onFrame: (kind: number, body: Buffer) => void): (chunk: Buffer) => void {
  /** The beginning of a frame, and how many bytes are needed to go on. */
  let parts: Buffer[] = [];
  let held = 0;
  let needed = headBytes;

  return (chunk) => {
    parts.push(chunk);
    held += chunk.length;
    if (held < needed) return;
    const bytes = parts.length === 1 ? chunk : Buffer.concat(parts, held);
    let at = 0;
    for (;;) {
      const left = bytes.length - at;
      needed = left < headBytes ? headBytes : headBytes + bytes.readUInt32LE(at);
      if (left < needed) break;
      const start = at + headBytes;
      at += needed;
      onFrame(bytes.readUInt8(start), bytes.subarray(start + kindBytes, at));
    }
    parts = at === bytes.length ? [] : [bytes.subarray(at)];
    held = bytes.length - at;
  };
}

function frame(kind: number, ...body: readonly Buffer[]): Buffer {
  const head = Buffer.allocUnsafe(headBytes + kindBytes);
  const length = body.reduce((sum, { length }) => sum + length, kindBytes);
  head.writeUInt32LE(length);
  head.writeUInt8(kind, headBytes);
  return Buffer.concat([head, ...body]);
}
