/** HTTP/2 frame by frame, for clients that no library is: they reset, flood, stop, and take nothing. */

import { once } from "node:events";
import { connect, type Socket } from "node:net";

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

export const frameType = {
  data: 0,
  headers: 1,
  resetStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Of DATA and HEADERS; END_HEADERS also of CONTINUATION. */
export const flag = { none: 0, endStream: 1, ack: 1, endHeaders: 4 } as const;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.alloc(9 + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  bytes.set(payload, 9);
  return bytes;
}

export function numbers(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, index) => {
    bytes.writeUInt32BE(value, 4 * index);
  });
  return bytes;
}

/** A gRPC call as a block of headers that needs no table. Names and values are shorter than 127 bytes. */
export function callHead(path: string, more: Record<string, string> = {}): Buffer {
  const target = { ":method": "POST", ":scheme": "http", ":path": path, ":authority": "gateway" };
  const fields = { ...target, "content-type": "application/grpc", ...more };
  const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value, "latin1")]);
  return Buffer.concat(Object.entries(fields).flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

/** So many calls, each reset at once. */
export function resets(path: string, count: number): Buffer {
  const head = callHead(path);
  return Buffer.concat(
    Array.from({ length: count }, (_, index) => 2 * index + 1).flatMap((stream) => [
      frame(frameType.headers, flag.endHeaders, stream, head),
      frame(frameType.resetStream, flag.none, stream, numbers(8)),
    ]),
  );
}

export interface FrameClient {
  readonly socket: Socket;
  send(...frames: Buffer[]): void;
  /** The next frame of a type that has come or comes; undefined when the server closes first. */
  next(type: number): Promise<Frame | undefined>;
  /** Resolves when the server has read what was sent, and has done what it does at once. */
  settled(): Promise<void>;
  closed(): Promise<void>;
}

/** `first` goes out together with the preface. `from`: the address of the client. */
export async function openFrames(
  port: number,
  first: Buffer = Buffer.alloc(0),
  settings = Buffer.alloc(0),
  from = "127.0.0.1",
) {
  const socket = connect({ port, host: "127.0.0.1", localAddress: from });
  const frames: Frame[] = [];
  let received = Buffer.alloc(0);
  let wake: (() => void) | undefined;
  socket.on("error", () => {});
  socket.on("close", () => wake?.());
  socket.on("data", (chunk) => {
    received = Buffer.concat([received, chunk]);
    for (;;) {
      const length = received.length < 9 ? Number.POSITIVE_INFINITY : received.readUIntBE(0, 3);
      if (received.length < 9 + length) break;
      const payload = received.subarray(9, 9 + length);
      frames.push({ type: received[3] ?? 0, flags: received[4] ?? 0, stream: received.readUInt32BE(5), payload });
      received = received.subarray(9 + length);
    }
    wake?.();
  });
  await once(socket, "connect");
  socket.write(Buffer.concat([Buffer.from(preface), frame(frameType.settings, 0, 0, settings), first]));

  const client: FrameClient = {
    socket,
    send: (...more) => void socket.write(Buffer.concat(more)),
    async next(type) {
      for (;;) {
        const index = frames.findIndex((one) => one.type === type);
        if (index >= 0) return frames.splice(index, 1)[0];
        if (socket.closed) return undefined;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    async settled() {
      for (let turn = 0; turn < 3; turn++) {
        client.send(frame(frameType.ping, 0, 0, Buffer.alloc(8)));
        await client.next(frameType.ping);
      }
    },
    async closed() {
      // Not `once`: it would reject for a connection that is reset.
      if (!socket.closed) await new Promise<void>((resolve) => socket.once("close", () => resolve()));
    },
  };
  return client;
}
