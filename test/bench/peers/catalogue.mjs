/** Every system that can be measured: how it is started, what its clients speak, why it may be missing. */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { loadCore, serverCore } from "../driver/machine.mjs";
import { firstLine, kill, start } from "../driver/processes.mjs";
import { accountToken, collectingNode, startEventwire, startWorkers } from "./eventwire.mjs";
import { missingNats, missingNchan, startNats, startNchan } from "./external.mjs";

/**
 * @typedef {object} Running
 * @property {number[]} pids the processes whose CPU and memory count, and that are paused
 * @property {boolean} [collects] SIGUSR2 makes it collect its garbage
 * @property {number} port where subscribers connect
 * @property {number} control where the load generator says when events happen
 * @property {() => Promise<void>} close
 *
 * @typedef {object} Peer
 * @property {string} title
 * @property {"raw" | "socketio" | "nats" | "grpc"} protocol
 * @property {string} path `#` stands for the number of the instance
 * @property {boolean} [eager] it answers its publisher before it has delivered, and delivers what came meanwhile at once
 * @property {boolean} [unordered] its publishers do not promise an order among the events of a burst
 * @property {() => string | undefined} missing why it cannot run here
 * @property {(shape: import("./payload.mjs").Shape) => Promise<Running>} start
 */

export const script = (name) => fileURLToPath(new URL(`./${name}.mjs`, import.meta.url));
const never = () => undefined;

export const notBuilt = () =>
  existsSync(new URL("../../../dist/src/delivery/hub.js", import.meta.url))
    ? undefined
    : "not built: run `npm run build`";

/** A Node process that publishes by itself. */
const inProcess = (name, options) => async (shape) => {
  const child = start(serverCore, [...collectingNode, script(name), JSON.stringify({ ...shape, ...options })]);
  const ports = await firstLine(child);
  return { pids: [child.pid], collects: true, ...ports, close: () => kill(child) };
};

/** A server, and a publisher of ours on the other core. */
const bridged = (startServer, publisher, options) => async (shape) => {
  const server = await startServer(shape);
  const told = JSON.stringify({ ...shape, ...options, ...server.publisher, port: server.publishPort ?? server.port });
  const child = start(loadCore, [process.execPath, script(publisher), told]);
  const { control } = await firstLine(child);
  return {
    ...server,
    control,
    async close() {
      await kill(child);
      await server.close();
    },
  };
};

/** @returns {Peer} */
const eventwire = (way, title, unordered = false, startServer = startEventwire) => ({
  title: `Eventwire end to end, ${title}`,
  protocol: "raw",
  unordered,
  path: `/ws/i-#?token=${accountToken}`,
  missing: notBuilt,
  start: bridged(startServer, "eventwire-publisher", { way }),
});

/** @type {Peer} */
const hub = {
  title: "Eventwire, hub alone",
  protocol: "raw",
  path: "/ws/i-#",
  missing: notBuilt,
  start: inProcess("hub-server"),
};

const subscribePath = "/eventwire.v1.SubscriptionService/Subscribe";

/** @type {Record<string, Peer>} */
export const peers = {
  publish: {
    title: "uWebSockets.js `publish` (control)",
    protocol: "raw",
    path: "/ws/i-#",
    missing: never,
    start: inProcess("publish-server"),
  },
  hub,
  "hub-eager": { ...hub, title: "the same hub, driven as the two eager ones", eager: true },
  "hub-v1": {
    ...hub,
    title: "the same hub, frames of `eventwire.v1` with the same data",
    start: inProcess("hub-server", { protocol: "eventwire.v1" }),
  },
  stream: eventwire("stream", "gRPC stream"),
  unary: eventwire("unary", "gRPC unary", true),
  rest: eventwire("rest", "REST", true),
  workers: {
    ...eventwire("stream", "gRPC stream, two workers on one core, with NATS between them", false, startWorkers),
    missing: () => notBuilt() ?? missingNats(),
  },
  subscribe: {
    title: "Eventwire, hub alone, Subscribe over gRPC",
    protocol: "grpc",
    path: subscribePath,
    missing: notBuilt,
    start: inProcess("subscribe-server"),
  },
  "connect-stream": {
    title: "connect-node, a server stream over gRPC",
    protocol: "grpc",
    path: subscribePath,
    missing: notBuilt,
    start: inProcess("connect-stream-server"),
  },
  ws: {
    title: "`ws`, `send` in a loop",
    protocol: "raw",
    path: "/ws/i-#",
    missing: never,
    start: inProcess("ws-server"),
  },
  "socket.io": {
    title: "Socket.IO, websocket transport",
    protocol: "socketio",
    path: "/socket.io/?EIO=4&transport=websocket&instance=i-#",
    missing: never,
    start: inProcess("socketio-server"),
  },
  nchan: {
    title: "Nchan",
    protocol: "raw",
    path: "/sub/i-#",
    eager: true,
    missing: missingNchan,
    start: bridged(startNchan, "nchan-publisher"),
  },
  nats: {
    title: "nats-server over WebSocket",
    protocol: "nats",
    path: "/",
    eager: true,
    missing: missingNats,
    start: bridged(startNats, "nats-publisher"),
  },
};

/** Systems that one would ask for and that have no entry above. */
export const notInstallable = [
  "centrifugo: neither a Debian nor an npm package; without it its client protocol stays unwritten",
];
