/** The rule of 256 on real sockets and a real kernel: a hub on a bare uWebSockets.js app, `ws` as the reader. */

import { App, type us_listen_socket, us_listen_socket_close, us_socket_local_port } from "uWebSockets.js";
import { once } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, expect, it } from "vitest";
import WebSocket from "ws";
import { createMemoryBus } from "../../src/bus/memory-bus.js";
import type { Principal } from "../../src/domain/instance.js";
import { createHub } from "../../src/hub/hub.js";
import type { Subscriber } from "../../src/hub/subscriber.js";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

const principal: Principal = { kind: "account", id: "a", accountId: "a", revoked: false };
const entry = {
  instance: { id: "1", accountId: "a", name: "desk", token: "ti_x" },
  websocket: { enabled: true, events: [], mediaBase64: false },
};

interface Reader {
  readonly client: WebSocket;
  readonly subscriber: Subscriber;
  /** Numbers of the events received, in order. */
  readonly got: number[];
  /** Resolves when `n` events were received. */
  has(n: number): Promise<void>;
  readonly closed: Promise<number>;
}

async function setUp() {
  const bus = createMemoryBus();
  const app = App();
  const broadcast = (topic: string, frame: Uint8Array) => void app.publish(topic, frame, false);
  const hub = createHub({ bus, broadcast, baseUrl: "http://x", mediaMaxBytes: 1, pendingBytesMax: 2 ** 31 });
  const opened: Subscriber[] = [];
  app.ws<{ subscriber?: Subscriber }>("/*", {
    maxBackpressure: 0,
    idleTimeout: 60,
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
      const subscriber = hub.add(ws, entry as never, principal);
      ws.getUserData().subscriber = subscriber;
      opened.push(subscriber);
    },
    drain: (ws) => hub.drained(ws.getUserData().subscriber as Subscriber),
    close: (ws) => hub.remove(ws.getUserData().subscriber as Subscriber),
  });
  const listening = await new Promise<us_listen_socket>((resolve) =>
    app.listen("127.0.0.1", 0, (socket) => resolve(socket as never)),
  );
  cleanups.push(() => us_listen_socket_close(listening));

  let published = 0;
  /** Publishes within one turn of the event loop, and lets it end. */
  const publish = async (size: (i: number) => number, count = 1): Promise<void> => {
    for (let i = 0; i < count; i++) publishOne(size(published));
    await turn();
  };
  const publishOne = (size: number): void => {
    bus.publish({
      instanceId: "1",
      type: "label.update",
      data: Buffer.from(`{"n":${++published},"p":"${"x".repeat(size)}"}`),
    });
  };

  async function connect(): Promise<Reader> {
    const client = new WebSocket(`ws://127.0.0.1:${us_socket_local_port(listening)}/`, { perMessageDeflate: false });
    cleanups.push(() => client.terminate());
    const got: number[] = [];
    let wake = (): void => {};
    client.on("message", (frame: Buffer) => {
      got.push(Number(/"n":(\d+)/.exec(frame.toString("latin1", 0, 80))?.[1]));
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

  return { hub, publish, connect, published: () => published };
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);
const sizes: [string, (i: number) => number][] = [
  ["200 B", () => 200],
  ["17 KiB", () => 17 * 1024],
  ["1 MiB", () => 1024 * 1024],
  ["mixed", (i) => [200, 17 * 1024, 3, 70_000, 15_900][i % 5] as number],
];

/** Alone a frame is sent to each socket; many small ones in a turn are broadcast natively. */
const cases = sizes.flatMap(([name, size]) => [1, 30].map((perTurn) => ({ name, size, perTurn })));

it.each(cases)(
  "lets 256 frames of $name wait for a stalled reader, and all arrive when it wakes ($perTurn a turn)",
  async ({ size, perTurn }) => {
    const { publish, connect, published } = await setUp();
    const [slow, quick] = [await connect(), await connect()];
    slow.client.pause();
    while (!slow.subscriber.blocked) await publish(size, perTurn);
    for (let waiting = 2 * perTurn; waiting + perTurn <= 256; waiting += perTurn) await publish(size, perTurn);
    slow.client.resume();
    await Promise.all([slow.has(published()), quick.has(published())]);
    expect(slow.got).toEqual(upTo(published()));
    expect(quick.got).toEqual(upTo(published()));
  },
);

it.each(cases)(
  "cuts it at the 257th waiting frame of $name with 4008, and its neighbour gets everything ($perTurn a turn)",
  async ({ size, perTurn }) => {
    const { hub, publish, connect, published } = await setUp();
    const [slow, quick] = [await connect(), await connect()];
    slow.client.pause();
    while (!hub.stats.closes.has(4008)) await publish(size, perTurn);
    slow.client.resume();
    expect(await slow.closed).toBe(4008);
    expect(slow.got).toEqual(upTo(slow.got.length));
    // 256 waited. Of those, what uWebSockets held (1 to 64 frames) still arrived before the close.
    const lost = published() - slow.got.length;
    expect(lost).toBeLessThan(256 + perTurn);
    expect(lost).toBeGreaterThan(256 - 64);
    await quick.has(published());
    expect(quick.got).toEqual(upTo(published()));
  },
);

it("loses nothing and never stalls while a socket drains and fills a hundred times", async () => {
  const { publish, connect, published } = await setUp();
  const reader = await connect();
  const mixed = (i: number): number => [17 * 1024, 40, 300_000, 16_384, 15_000][i % 5] as number;
  for (let round = 0; round < 100; round++) {
    reader.client.pause();
    while (!reader.subscriber.blocked) await publish(round % 2 === 0 ? mixed : () => 900, 1 + (round % 3) * 8);
    await publish((i) => (i % 2 === 0 ? 17_000 : 100), 75);
    await publish(() => 100, 75);
    reader.client.resume();
    await reader.has(published());
  }
  expect(reader.got).toEqual(upTo(published()));
});

it("closes behind the frames of the turn, broadcast or not", async () => {
  const { hub, publish, connect, published } = await setUp();
  const reader = await connect();
  void publish(() => 100, 50);
  hub.instanceDeleted("1");
  expect(await reader.closed).toBe(4004);
  expect(reader.got).toEqual(upTo(published()));
});
