/** The bus of the workers of one machine: each has a Unix socket, and a connection to every other one. */

import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import type { Bus, Event, Handler } from "./bus.js";
import { createMemoryBus, emptyBusStats } from "./memory-bus.js";
import { createMeshConnection, type MeshConnection } from "./mesh-connection.js";
import { createMeshPeer, type MeshPeer, type Parcel } from "./mesh-peer.js";

export interface MeshBusOptions {
  /** Of this start of the workers alone; nobody else may look into it. */
  readonly directory: string;
  /** Never used before: who does not find it there any more knows that it has ended. */
  readonly name: string;
  /** Called once when the others can dial this one: the names of those that could be dialled before. */
  readonly join: (name: string) => Promise<readonly string[]>;
  /** Whether any socket may take it, on whatever worker: what the stored filter refuses does not leave this one. */
  readonly mayBeWanted: (event: Event) => boolean;
  readonly logger: Logger;
}

/** One that does not answer must not keep this one from starting. */
const patienceMs = 2_000;

/** Resolves when every other worker knows this one, so that none of their events is missed from now on. */
export async function openMeshBus({ directory, name, join: joinOthers, ...options }: MeshBusOptions): Promise<Bus> {
  const { mayBeWanted, logger } = options;
  const stats = emptyBusStats();
  const local = createMemoryBus();
  const handlers = new Map<string, Handler>();
  const peers = new Map<string, MeshPeer>();

  function receive(event: Event): void {
    stats.received++;
    local.publish(event);
  }

  /** Without a peer, it is the other one who dialled, and says its name. */
  function open(socket: Socket, dialled?: MeshPeer): MeshConnection {
    let peer = dialled;
    const connection = createMeshConnection(socket, {
      hello(other) {
        peer = peers.get(other) ?? add(other, false);
        peer.adopt(connection);
      },
      event: receive,
      confirmed: (askedAt) => peer?.confirmed(askedAt),
      lost: (reason, unwritten) => peer?.lost(connection, reason, unwritten),
    });
    return connection;
  }

  function add(other: string, dials: boolean): MeshPeer {
    const peer = createMeshPeer({
      name: other,
      dials,
      dial: () => dial(join(directory, other)),
      connect: (socket) => greet(socket, peer),
      interest: () => handlers.keys(),
      gone: () => peers.delete(other),
      logger,
      stats,
    });
    peers.set(other, peer);
    return peer;
  }

  function greet(socket: Socket, peer: MeshPeer): void {
    const connection = open(socket, peer);
    connection.hello(name);
    peer.adopt(connection);
  }

  async function meet(other: string): Promise<void> {
    const found = await dial(join(directory, other));
    if (found === undefined) return;
    const peer = add(other, true);
    if (found === "busy") return peer.interrupt("it takes no connection");
    greet(found, peer);
    const known = peer.inForce()?.then(() => true);
    if (!(await Promise.race([known, delay(patienceMs, false, { ref: false })]))) peer.interrupt("it does not answer");
  }

  const server = createServer((socket) => void open(socket));
  server.listen(join(directory, name));
  await once(server, "listening");
  await Promise.all((await joinOthers(name)).map(meet));

  return {
    stats,

    publish(event) {
      const here = local.publish(event);
      if (peers.size === 0) return here;
      const parcel: Parcel = { event };
      let wanted = false;
      if (mayBeWanted(event)) for (const peer of peers.values()) wanted = peer.give(parcel) || wanted;
      if (parcel.frame !== undefined) stats.sent++;
      if (!wanted) stats.unwanted++;
      return here;
    },

    flush() {
      const waiting: Promise<boolean>[] = [];
      for (const peer of peers.values()) {
        const reached = peer.reached();
        if (reached !== undefined) waiting.push(reached);
      }
      if (waiting.length === 0) return undefined;
      return Promise.all(waiting).then((all) => all.every((reached) => reached));
    },

    subscribe(instanceId, handler) {
      const { stop } = local.subscribe(instanceId, handler);
      handlers.set(instanceId, handler);
      const waiting: Promise<unknown>[] = [];
      for (const peer of peers.values()) {
        peer.subscribe(instanceId);
        const known = peer.inForce();
        if (known !== undefined) waiting.push(known);
      }
      return {
        inForce: waiting.length === 0 ? undefined : Promise.all(waiting).then(() => {}),
        stop() {
          stop();
          if (handlers.get(instanceId) !== handler) return;
          handlers.delete(instanceId);
          for (const peer of peers.values()) peer.unsubscribe(instanceId);
        },
      };
    },

    trouble: () => ([...peers.values()].some((peer) => peer.interrupted) ? "unreachable" : undefined),

    async close() {
      server.close();
      await Promise.all([...peers.values()].map((peer) => peer.close()));
      await local.close();
    },
  };
}

/** Undefined: nobody listens there any more. */
function dial(path: string): Promise<Socket | "busy" | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => resolve(socket));
    socket.once("error", ({ code }: NodeJS.ErrnoException) => {
      resolve(code === "ENOENT" || code === "ECONNREFUSED" ? undefined : "busy");
    });
  });
}
