/** A hub on a bare uWebSockets.js app, on a real kernel, with `ws` as the readers. */

import {
  App,
  type us_listen_socket,
  us_listen_socket_close,
  us_socket_local_port,
  type WebSocket,
} from "uWebSockets.js";
import { once } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { WebSocket as Client } from "ws";
import { createMemoryBus } from "../../src/bus/memory-bus.js";
import type { Consumer } from "../../src/delivery/consumer.js";
import { createHub } from "../../src/delivery/create-hub.js";
import type { FrameFormat } from "../../src/delivery/frames/frame.js";
import { wholeView } from "../../src/delivery/view.js";
import type { EventType } from "../../src/domain/event-type.js";
import type { History } from "../../src/history/history.js";
import { type CopyLimit, UwsFanOut } from "../../src/transport/uws/fan-out.js";
import { type Control, controlIn } from "./control-hub.js";
import { entry, plainFormat, principal } from "./fake-hub.js";
import { padding } from "./padding.js";
import { stamp } from "./stamp.js";

export interface Reader {
  readonly client: Client;
  readonly consumer: Consumer;
  /** Numbers of the events received, in order, each of them intact. */
  readonly got: number[];
  /** The same with the control frames between them. */
  readonly told: (number | Control)[];
  /** Resolves when `n` events were received. */
  has(n: number): Promise<void>;
  readonly closed: Promise<number>;
}

interface SocketData {
  after?: string | undefined;
  consumer?: Consumer;
}

export async function realHub(
  cleanups: (() => void)[],
  copyLimit?: CopyLimit,
  format: FrameFormat = plainFormat,
  history?: History,
) {
  const bus = createMemoryBus();
  const app = App();
  const fanOut = new UwsFanOut((topic, frame) => void app.publish(topic, frame, false), copyLimit);
  const view = wholeView(format, fanOut);
  const hub = createHub({ bus, findEntry: () => undefined, pendingBytesMax: 2 ** 31, history });
  const opened: Consumer[] = [];
  const sockets = new Set<WebSocket<SocketData>>();
  app.ws<SocketData>("/*", {
    maxBackpressure: 0,
    idleTimeout: 960,
    sendPingsAutomatically: false,
    upgrade: (res, req, context) => {
      const [key, protocol, extensions] = ["sec-websocket-key", "sec-websocket-protocol", "sec-websocket-extensions"];
      res.upgrade(
        { after: req.getQuery("after") },
        req.getHeader(key as string),
        req.getHeader(protocol as string),
        req.getHeader(extensions as string),
        context,
      );
    },
    open: (ws) => {
      const { after } = ws.getUserData();
      const consumer = hub.add(ws, entry("1"), principal, view, { after });
      ws.getUserData().consumer = consumer;
      opened.push(consumer);
      sockets.add(ws);
    },
    drain: (ws) => hub.drained(ws.getUserData().consumer as Consumer),
    pong: (ws) => hub.ponged(ws.getUserData().consumer as Consumer),
    close: (ws) => {
      sockets.delete(ws);
      hub.remove(ws.getUserData().consumer as Consumer);
    },
  });
  const listening = await new Promise<us_listen_socket>((resolve) =>
    app.listen("127.0.0.1", 0, (socket) => resolve(socket as never)),
  );
  cleanups.push(() => us_listen_socket_close(listening));

  /** Bytes of padding of each event published. */
  const sizes: number[] = [];
  /** Publishes within one turn of the event loop, and lets it end. */
  const publish = async (size: (i: number) => number, count = 1): Promise<void> => {
    for (let i = 0; i < count; i++) publishOne(size(sizes.length));
    await turn();
  };
  const publishOne = (size: number, type: EventType = "label.update"): void => {
    const n = sizes.push(size);
    const data = Buffer.concat([Buffer.from(`{"n":${n},"p":"`), padding(n, size), Buffer.from('"}')]);
    const event = { ...stamp, time: Date.now(), instanceId: "1", type, data };
    bus.publish(event);
    history?.take(event);
  };

  function numberOf(frame: Buffer): number {
    const head = /^.*?"n":(\d+),"p":"/.exec(frame.toString("latin1", 0, 300));
    const n = Number(head?.[1]);
    const begin = head?.[0].length ?? 0;
    const end = begin + (sizes[n - 1] as number);
    const intact =
      frame.subarray(begin, end).equals(padding(n, end - begin)) && /^"},"[^}]*}}$/.test(frame.toString("latin1", end));
    if (!intact) throw new Error(`event ${n} did not arrive as it was`);
    return n;
  }

  /** `after` is the position after which the reader goes on. */
  async function connect(after?: string): Promise<Reader> {
    const query = after === undefined ? "" : `?after=${encodeURIComponent(after)}`;
    const url = `ws://127.0.0.1:${us_socket_local_port(listening)}/${query}`;
    const client = new Client(url, { perMessageDeflate: false });
    cleanups.push(() => client.terminate());
    const got: number[] = [];
    const told: (number | Control)[] = [];
    let wake = (): void => {};
    client.on("message", (frame: Buffer) => {
      const control = controlIn(frame);
      if (control === undefined) got.push(numberOf(frame));
      told.push(control ?? (got.at(-1) as number));
      wake();
    });
    const closed = once(client, "close").then(([code]) => code as number);
    await once(client, "open");
    const consumer = opened.at(-1) as Consumer;
    const has = async (n: number): Promise<void> => {
      while (got.length < n) await new Promise<void>((resolve) => (wake = resolve));
    };
    return { client, consumer, got, told, has, closed };
  }

  /** Bytes that uWebSockets holds, of all sockets. */
  const held = (): number => [...sockets].reduce((sum, socket) => sum + socket.getBufferedAmount(), 0);

  return { hub, buffered: fanOut.buffered, publish, publishOne, connect, held, published: () => sizes.length };
}
