/** A hub whose connections take what the test says, and a publisher that numbers its events: sockets or streams. */

import { setImmediate as turn } from "node:timers/promises";
import type { Bus, BusGap } from "../../src/bus/bus.js";
import { createMemoryBus } from "../../src/bus/memory-bus.js";
import type { ClosedConsumer } from "../../src/delivery/closings.js";
import type { Consumer } from "../../src/delivery/consumer.js";
import { createHub } from "../../src/delivery/create-hub.js";
import { createPlainFormat } from "../../src/delivery/frames/plain.js";
import type { Asked, HubOptions } from "../../src/delivery/hub.js";
import type { Scope } from "../../src/delivery/stream-registry.js";
import { type View, wholeView } from "../../src/delivery/view.js";
import type { Entry } from "../../src/directory/directory.js";
import type { EventType } from "../../src/domain/event-type.js";
import type { Principal } from "../../src/domain/instance.js";
import type { Websocket } from "../../src/domain/websocket.js";
import { addWritable, type WritableConnection, WritableFanOut } from "../../src/transport/node/fan-out.js";
import { type CopyLimit, UwsFanOut } from "../../src/transport/uws/fan-out.js";
import type { UwsSocket } from "../../src/transport/uws/socket.js";
import { FakeSocket, FakeTopics } from "./fake-socket.js";
import { framedFormat } from "./framed-format.js";
import { MeteredStream } from "./metered-stream.js";
import { padding } from "./padding.js";
import { stamp } from "./stamp.js";

export const principal: Principal = { kind: "account", id: "a", accountId: "a", revoked: false };
export const all: Websocket = { enabled: true, events: [], mediaBase64: false };

export function entry(id: string, websocket: Websocket = all): Entry {
  return { instance: { id, accountId: "a", name: id, token: "ti_x" }, websocket: { version: 1, ...websocket } };
}

export const plainFormat = createPlainFormat({ baseUrl: "http://x", mediaMaxBytes: 1_000, frameTokens: true });

/** What both kinds of connection show of their peer. */
export interface FakeConnection {
  /** Whole frames that the peer has taken, in order. */
  readonly received: readonly string[];
  readonly ended: { readonly code: number } | undefined;
  readonly wasCut: boolean;
  readonly consumer: Consumer;
  /** The peer takes so many bytes. */
  drain(bytes: number): void;
  /** The peer goes away. */
  close(): void;
}

function createParts(options: Partial<HubOptions>) {
  const closed: ClosedConsumer[] = [];
  let gap = (_: BusGap): void => {};
  let olderNode = (): void => {};
  let hasOlderNodes = false;
  const bus: Bus = {
    ...createMemoryBus(),
    watchGaps(listener) {
      gap = listener;
    },
    hasOlderNodes: () => hasOlderNodes,
    watchOlderNodes(listener) {
      olderNode = listener;
    },
  };
  const hub = createHub({
    bus,
    findEntry: () => undefined,
    pendingBytesMax: 64 * 1024 * 1024,
    onClosed: (consumer) => closed.push(consumer),
    ...options,
  });
  let published = 0;
  const publish = (type: EventType = "label.update", size = 0, instanceId = "1") => {
    const n = ++published;
    const data = Buffer.from(`{"n":${n},"pad":"${padding(n, size)}"}`);
    const time = options.history === undefined ? stamp.time : Date.now();
    const event = { ...stamp, time, instanceId, type, data };
    bus.publish(event);
    options.history?.take(event);
  };
  /** Of the events that arrived, each of them intact. */
  const numbers = ({ received }: FakeConnection): number[] =>
    received.map((text) => {
      const { n, pad } = JSON.parse(text).data;
      if (pad !== padding(n, pad.length).toString()) throw new Error(`event ${n} did not arrive as it was`);
      return n;
    });
  /** The bus may have lost events. */
  const loseEvents = (span: BusGap) => gap(span);
  /** A node of an older release joins the bus. */
  const joinOlderNode = () => {
    hasOlderNodes = true;
    olderNode();
  };
  return { bus, hub, closed, publish, numbers, loseEvents, joinOlderNode };
}

export interface FakeHubOptions extends Partial<HubOptions> {
  readonly copyLimit?: CopyLimit;
}

/** WebSockets, as uWebSockets has them. */
export function fakeHub({ copyLimit, ...options }: FakeHubOptions = {}) {
  const parts = createParts(options);
  const topics = new FakeTopics();
  const fanOut = new UwsFanOut(topics.publish, copyLimit);
  const whole = wholeView(plainFormat, fanOut);
  const open = (
    room?: number,
    at: Scope = entry("1"),
    who = principal,
    view: View<UwsSocket> = whole,
    asked?: Asked,
  ) => {
    const socket = new FakeSocket(topics, room);
    const consumer = parts.hub.add(socket, at, who, view, asked);
    socket.consumer = consumer;
    socket.onDrain = () => parts.hub.drained(consumer);
    socket.onPong = () => parts.hub.ponged(consumer);
    socket.onClose = () => parts.hub.remove(consumer);
    return socket;
  };
  return { ...parts, fanOut, buffered: fanOut.buffered, open };
}

/** Streams of Node, which hold nothing that is not counted as waiting. */
export function fakeStreamHub(options: Partial<HubOptions> = {}) {
  const parts = createParts(options);
  const fanOut = new WritableFanOut({ heldBytesMax: 1 });
  const whole = wholeView(framedFormat(plainFormat), fanOut);
  const open = (
    room?: number,
    at: Scope = entry("1"),
    who = principal,
    view: View<WritableConnection> = whole,
    asked?: Asked,
  ) => {
    const stream = new MeteredStream(room);
    const consumer = addWritable(parts.hub, stream, at, who, view, asked);
    stream.consumer = consumer;
    stream.onPong = () => parts.hub.ponged(consumer);
    return stream;
  };
  return { ...parts, fanOut, buffered: fanOut.buffered, open };
}

/** For tests of what holds whatever the connections are. */
export const hubs: readonly (readonly [
  string,
  (options?: Partial<HubOptions>) => Omit<ReturnType<typeof fakeStreamHub>, "fanOut" | "open"> & {
    open(room?: number, at?: Scope, who?: Principal): FakeConnection;
  },
])[] = [
  ["WebSockets of uWebSockets", fakeHub],
  ["streams of Node", fakeStreamHub],
];

/** Frames after what a turn takes wait for the turns after it: enough of them for whatever a test publishes at once. */
export async function settle(turns = 40): Promise<void> {
  for (let i = 0; i < turns; i++) await turn();
}

export const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);
