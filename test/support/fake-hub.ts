/** A hub whose sockets are fakes, and a publisher that numbers its events. */

import { setImmediate as turn } from "node:timers/promises";
import { createMemoryBus } from "../../src/bus/memory-bus.js";
import type { Entry } from "../../src/directory/directory.js";
import type { EventType } from "../../src/domain/event-type.js";
import type { Principal } from "../../src/domain/instance.js";
import type { Websocket } from "../../src/domain/websocket.js";
import type { ClosedSocket } from "../../src/hub/closings.js";
import { Copies } from "../../src/hub/copies.js";
import { createHub, type HubOptions } from "../../src/hub/hub.js";
import { FakeSocket, FakeTopics } from "./fake-socket.js";
import { padding } from "./padding.js";
import { stamp } from "./stamp.js";

export const principal: Principal = { kind: "account", id: "a", accountId: "a", revoked: false };
export const all: Websocket = { enabled: true, events: [], mediaBase64: false };

export function entry(id: string, websocket: Websocket = all): Entry {
  return { instance: { id, accountId: "a", name: id, token: "ti_x" }, websocket };
}

export function fakeHub(options: Partial<HubOptions> = {}) {
  const { copies = new Copies() } = options;
  const closed: ClosedSocket[] = [];
  const bus = createMemoryBus();
  const topics = new FakeTopics();
  const hub = createHub({
    bus,
    broadcast: topics.broadcast,
    baseUrl: "http://x",
    mediaMaxBytes: 1_000,
    pendingBytesMax: 64 * 1024 * 1024,
    onClosed: (socket) => closed.push(socket),
    ...options,
    copies,
  });
  const open = (room?: number, at = entry("1"), who = principal) => {
    const socket = new FakeSocket(topics, room);
    const subscriber = hub.add(socket, at, who);
    socket.onDrain = () => hub.drained(subscriber);
    socket.onPong = () => hub.ponged(subscriber);
    socket.onClose = () => hub.remove(subscriber);
    return socket;
  };
  let published = 0;
  const publish = (type: EventType = "label.update", size = 0, instanceId = "1") => {
    const n = ++published;
    const data = Buffer.from(`{"n":${n},"pad":"${padding(n, size)}"}`);
    bus.publish({ ...stamp, instanceId, type, data });
  };
  /** Of the events that arrived, each of them intact. */
  const numbers = (socket: FakeSocket): number[] =>
    socket.received.map((text) => {
      const { n, pad } = JSON.parse(text).data;
      if (pad !== padding(n, pad.length).toString()) throw new Error(`event ${n} did not arrive as it was`);
      return n;
    });
  return { bus, hub, copies, closed, open, publish, numbers };
}

/** Frames behind a broadcast wait for the turns after it: enough of them for whatever a test publishes at once. */
export async function settle(): Promise<void> {
  for (let turns = 0; turns < 40; turns++) await turn();
}

export const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);
