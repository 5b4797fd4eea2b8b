/**
 * Clients that come and go until they are told to stop. They connect, read or stop reading, change configurations,
 * publish, create instances and delete them.
 */

import { setTimeout as delay } from "node:timers/promises";
import { WebSocket } from "ws";
import { eventTypes } from "../../src/domain/event-type.js";
import type { Random } from "../support/random.js";
import type { Channel } from "./channels.js";
import type { Cluster, NodeProcess } from "./cluster.js";

export interface ChurnOptions {
  readonly cluster: Cluster;
  readonly channels: readonly Channel[];
  readonly random: Random;
  readonly over: () => boolean;
}

/** The number of actions, by name. */
export type Deeds = Map<string, number>;

const lifeMsMax = 20_000;

export async function churn(options: ChurnOptions & { sockets: number }): Promise<Deeds> {
  const { over, sockets } = options;
  const deeds: Deeds = new Map();
  const did = (what: string): void => void deeds.set(what, (deeds.get(what) ?? 0) + 1);

  async function repeat(act: (options: ChurnOptions, did: (what: string) => void) => Promise<void>): Promise<void> {
    while (!over()) await act(options, did);
  }

  await Promise.all([
    ...Array.from({ length: sockets }, () => repeat(visit)),
    repeat(publish),
    repeat(publish),
    repeat(edit),
    repeat(makeAndDelete),
    repeat(knock),
  ]);
  return deeds;
}

function anyNode({ cluster, random }: ChurnOptions): NodeProcess {
  return random.pick(cluster.nodes).running as NodeProcess;
}

/** A client: one in five stops reading for a while, and half of them leave without a close frame. */
async function visit(options: ChurnOptions, did: (what: string) => void): Promise<void> {
  const { random, channels, cluster } = options;
  const { url } = anyNode(options);
  const path = `/ws/${random.pick(channels).name}?token=${cluster.token}`;
  const socket = new WebSocket(url.replace("http", "ws") + path);
  socket.on("error", () => {});
  socket.on("message", () => did("frames read"));
  const closed = new Promise<void>((resolve) => {
    socket.on("close", (code) => {
      did(code === 4008 ? "closes with 4008" : "other closes");
      resolve();
    });
  });
  const opened = await Promise.race([
    new Promise((resolve) => socket.on("open", () => resolve(true))),
    closed.then(() => false),
  ]);
  if (!opened) return;
  did("sockets opened");
  if (random.below(5) === 0) {
    socket.pause();
    await Promise.race([closed, delay(random.below(lifeMsMax))]);
    socket.resume();
  }
  await Promise.race([closed, delay(random.below(lifeMsMax))]);
  if (random.below(2) === 0) socket.terminate();
  else socket.close();
  await closed;
}

async function publish(options: ChurnOptions, did: (what: string) => void): Promise<void> {
  const { cluster, random, channels } = options;
  const { name, paddingBytesMax } = random.pick(channels);
  const data = { padding: "x".repeat(random.below(paddingBytesMax)) };
  const body = { event: random.pick(eventTypes), data };
  await read(cluster.call(anyNode(options), "POST", `/api/events/publish/${name}`, body));
  did("events published");
  await delay(5);
}

async function edit(options: ChurnOptions, did: (what: string) => void): Promise<void> {
  const { cluster, random, channels } = options;
  const events = random.below(2) === 0 ? [] : eventTypes.filter(() => random.below(2) === 0);
  const body = { enabled: true, events, mediaBase64: random.below(2) === 0 };
  await read(cluster.call(anyNode(options), "POST", `/api/events/websocket/${random.pick(channels).name}`, body));
  did("edits");
  await delay(250);
}

/** Creates an instance, opens a socket on it, and deletes it. The socket must see its end. */
async function makeAndDelete(options: ChurnOptions, did: (what: string) => void): Promise<void> {
  const { cluster } = options;
  const process = anyNode(options);
  const name = `passing-${options.random.below(1_000_000)}`;
  await read(cluster.call(process, "POST", "/api/instance/new", { name, websocketEnabled: true }));
  const socket = new WebSocket(`${process.url.replace("http", "ws")}/ws/${name}?token=${cluster.token}`);
  socket.on("error", () => {});
  const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  await Promise.race([closed, new Promise<void>((resolve) => socket.on("open", () => resolve()))]);
  await read(cluster.call(process, "DELETE", `/api/instance/delete/${name}`));
  await closed;
  did("instances made and deleted");
  await delay(500);
}

/** A call with an unknown token. */
async function knock(options: ChurnOptions, did: (what: string) => void): Promise<void> {
  const { url } = anyNode(options);
  const token = `nobody's-${options.random.below(1_000_000)}`;
  await read(fetch(`${url}/api/instance/list`, { headers: { token } }));
  did("calls with an unknown token");
  await delay(100);
}

async function read(answering: Promise<Response>): Promise<void> {
  await (await answering).arrayBuffer();
}
