/** A hub whose consumers hold real streams of Node: over HTTP/2, or a bare TCP socket. */

import { once } from "node:events";
import { connect as connectHttp2, createServer as createHttp2Server } from "node:http2";
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer, type Server } from "node:net";
import type { Duplex } from "node:stream";
import { createMemoryBus } from "../../src/bus/memory-bus.js";
import type { Consumer } from "../../src/delivery/consumer.js";
import { createHub } from "../../src/delivery/create-hub.js";
import type { FrameFormat } from "../../src/delivery/frames/frame.js";
import { wholeView } from "../../src/delivery/view.js";
import type { Close } from "../../src/domain/closes.js";
import type { EventType } from "../../src/domain/event-type.js";
import { addWritable, WritableFanOut } from "../../src/transport/node/fan-out.js";
import { type Control, controlIn } from "./control-hub.js";
import { entry, plainFormat, principal, settle } from "./fake-hub.js";
import { FrameReader, framed, framedFormat } from "./framed-format.js";
import { padding } from "./padding.js";
import { stamp } from "./stamp.js";

/** How a stream comes about: the server's end, and the client's. */
export interface StreamProtocol {
  readonly name: string;
  listen(onStream: (stream: Duplex, ping: (answered: () => void) => void) => void): Server;
  connect(port: number): { stream: Duplex; end: () => void };
}

export const streamProtocols: readonly StreamProtocol[] = [
  {
    name: "HTTP/2",
    listen(onStream) {
      const server = createHttp2Server();
      server.on("stream", (stream) => {
        stream.respond({ ":status": 200 });
        onStream(stream, (answered) => stream.session?.ping(answered));
      });
      return server as unknown as Server;
    },
    // A session for each: readers of one session share its window, and wait for each other.
    connect(port) {
      const session = connectHttp2(`http://127.0.0.1:${port}`).on("error", () => {});
      return { stream: session.request({ ":path": "/" }), end: () => session.destroy() };
    },
  },
  {
    name: "TCP",
    listen: (onStream) => createTcpServer((socket) => onStream(socket, setImmediate)),
    connect(port) {
      const stream = connectTcp(port, "127.0.0.1");
      return { stream, end: () => stream.destroy() };
    },
  },
];

/** The flags of the frame that says why a stream ends. */
const endFlag = 0x80;

export interface StreamReader {
  readonly stream: Duplex;
  readonly consumer: Consumer;
  /** Numbers of the events received, in order, each of them intact. */
  readonly got: number[];
  /** The same with the control frames between them. */
  readonly told: (number | Control)[];
  /** Resolves when `n` events were received. */
  has(n: number): Promise<void>;
  /** What it was told at the end; undefined when its stream ended without a word. */
  readonly closed: Promise<Close | undefined>;
  /** Goes away. */
  leave(): void;
}

export async function realStreams(
  protocol: StreamProtocol,
  cleanups: (() => void)[],
  format: FrameFormat = plainFormat,
) {
  const bus = createMemoryBus();
  const hub = createHub({ bus, findEntry: () => undefined, pendingBytesMax: 2 ** 31 });
  const fanOut = new WritableFanOut();
  const view = wholeView(framedFormat(format), fanOut);
  const opened: Consumer[] = [];
  let onOpened = (): void => {};
  const server = protocol.listen((stream, ping) => {
    stream.on("error", () => {});
    const connection = {
      writable: stream,
      ping: () => ping(() => hub.ponged(consumer)),
      end: (close: Close) => void stream.end(framed(Buffer.from(JSON.stringify(close)), endFlag)),
      cut: () => void stream.destroy(),
    };
    const consumer = addWritable(hub, connection, entry("1"), principal, view);
    opened.push(consumer);
    onOpened();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => void server.close());

  /** Bytes of padding of each event published. */
  const sizes: number[] = [];
  const publish = async (size: (i: number) => number, count = 1): Promise<void> => {
    for (let i = 0; i < count; i++) publishOne(size(sizes.length));
    await settle();
  };
  const publishOne = (size: number, type: EventType = "label.update"): void => {
    const n = sizes.push(size);
    const data = Buffer.concat([Buffer.from(`{"n":${n},"p":"`), padding(n, size), Buffer.from('"}')]);
    bus.publish({ ...stamp, instanceId: "1", type, data });
  };

  function numberOf(frame: Buffer): number {
    const { n, p } = JSON.parse(frame.toString()).data;
    if (p !== padding(n, sizes[n - 1] as number).toString()) throw new Error(`event ${n} did not arrive as it was`);
    return n;
  }

  async function connect(): Promise<StreamReader> {
    const { stream, end } = protocol.connect((server.address() as AddressInfo).port);
    cleanups.push(end);
    const got: number[] = [];
    const told: (number | Control)[] = [];
    let reason: Close | undefined;
    let wake = (): void => {};
    const frames = new FrameReader((frame, flags) => {
      const control = controlIn(frame);
      if (flags === endFlag) reason = JSON.parse(frame.toString());
      else if (control === undefined) got.push(numberOf(frame));
      if (flags !== endFlag) told.push(control ?? (got.at(-1) as number));
      wake();
    });
    const consumer = new Promise<Consumer>((resolve) => {
      onOpened = () => resolve(opened.at(-1) as Consumer);
    });
    stream.on("data", (bytes: Buffer) => frames.push(bytes)).on("error", () => {});
    const closed = once(stream, "close").then(() => reason);
    const has = async (n: number): Promise<void> => {
      while (got.length < n) await new Promise<void>((resolve) => (wake = resolve));
    };
    return { stream, consumer: await consumer, got, told, has, closed, leave: end };
  }

  return { hub, buffered: fanOut.buffered, publish, publishOne, connect, published: () => sizes.length };
}
