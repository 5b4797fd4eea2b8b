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
import { Copies } from "../../src/hub/copies.js";
import { createHub } from "../../src/hub/hub.js";
import type { Subscriber } from "../../src/hub/subscriber.js";
import { entry, principal } from "./fake-hub.js";
import { padding } from "./padding.js";
import { stamp } from "./stamp.js";

export interface Reader {
  readonly client: Client;
  readonly subscriber: Subscriber;
  /** Numbers of the events received, in order, each of them intact. */
  readonly got: number[];
  /** Resolves when `n` events were received. */
  has(n: number): Promise<void>;
  readonly closed: Promise<number>;
}

interface SocketData {
  subscriber?: Subscriber;
}

export async function realHub(cleanups: (() => void)[], copies = new Copies()) {
  const bus = createMemoryBus();
  const app = App();
  const broadcast = (topic: string, frame: Uint8Array) => void app.publish(topic, frame, false);
  const hub = createHub({ bus, broadcast, baseUrl: "http://x", mediaMaxBytes: 1, pendingBytesMax: 2 ** 31, copies });
  const opened: Subscriber[] = [];
  const sockets = new Set<WebSocket<SocketData>>();
  app.ws<SocketData>("/*", {
    maxBackpressure: 0,
    idleTimeout: 960,
    sendPingsAutomatically: false,
    upgrade: (res, req, context) => {
      const [key, protocol, extensions] = ["sec-websocket-key", "sec-websocket-protocol", "sec-websocket-extensions"];
      res.upgrade(
        {},
        req.getHeader(key as string),
        req.getHeader(protocol as string),
        req.getHeader(extensions as string),
        context,
      );
    },
    open: (ws) => {
      const subscriber = hub.add(ws, entry("1"), principal);
      ws.getUserData().subscriber = subscriber;
      opened.push(subscriber);
      sockets.add(ws);
    },
    drain: (ws) => hub.drained(ws.getUserData().subscriber as Subscriber),
    pong: (ws) => hub.ponged(ws.getUserData().subscriber as Subscriber),
    close: (ws) => {
      sockets.delete(ws);
      hub.remove(ws.getUserData().subscriber as Subscriber);
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
  const publishOne = (size: number): void => {
    const n = sizes.push(size);
    const data = Buffer.concat([Buffer.from(`{"n":${n},"p":"`), padding(n, size), Buffer.from('"}')]);
    bus.publish({ ...stamp, instanceId: "1", type: "label.update", data });
  };

  function numberOf(frame: Buffer): number {
    const head = /^.*?"n":(\d+),"p":"/.exec(frame.toString("latin1", 0, 80));
    const n = Number(head?.[1]);
    const begin = head?.[0].length ?? 0;
    const end = begin + (sizes[n - 1] as number);
    const intact =
      frame.subarray(begin, end).equals(padding(n, end - begin)) && /^"},"[^}]*}}$/.test(frame.toString("latin1", end));
    if (!intact) throw new Error(`event ${n} did not arrive as it was`);
    return n;
  }

  async function connect(): Promise<Reader> {
    const client = new Client(`ws://127.0.0.1:${us_socket_local_port(listening)}/`, { perMessageDeflate: false });
    cleanups.push(() => client.terminate());
    const got: number[] = [];
    let wake = (): void => {};
    client.on("message", (frame: Buffer) => {
      got.push(numberOf(frame));
      wake();
    });
    const closed = once(client, "close").then(([code]) => code as number);
    await once(client, "open");
    const subscriber = opened.at(-1) as Subscriber;
    const has = async (n: number): Promise<void> => {
      while (got.length < n) await new Promise<void>((resolve) => (wake = resolve));
    };
    return { client, subscriber, got, has, closed };
  }

  /** Bytes that uWebSockets holds, of all sockets. */
  const held = (): number => [...sockets].reduce((sum, socket) => sum + socket.getBufferedAmount(), 0);

  return { hub, copies, publish, connect, held, published: () => sizes.length };
}
