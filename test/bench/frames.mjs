/**
 * What a frame costs one node: to plain sockets, now and in an earlier build, and to consumers of eventwire.v1, without and
 * with the history.
 *
 *     npm run build && DATABASE_URL=postgres://… node test/bench/frames.mjs [--before <checkout of another commit, built>] [--rounds 7]
 *
 * All nodes run on one core, and take turns within a round. A gRPC stream publishes four events, and the next four when all
 * of a hundred sockets have them. A figure is the CPU time of the node for an event, divided by a hundred; a ratio is taken
 * inside a round.
 */

import { once } from "node:events";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { WebSocket } from "ws";
import { createPublisher } from "../../dist/src/client/node/publisher.js";
import { accountToken, cpuMs, makeDatabase, startNode } from "./driver/nodes.mjs";
import { median } from "./driver/statistics.mjs";

const { values: options } = parseArgs({ options: { before: { type: "string" }, rounds: { type: "string" } } });
const rounds = Number(options.rounds ?? 7);
const sockets = 100;
const events = 4_000;
const burst = 4;
const data = Buffer.from(JSON.stringify({ text: "x".repeat(280) }));

const cases = {
  "plain sockets": await open({}),
  ...(options.before && {
    "plain sockets, before": await open({ program: resolve(options.before, "dist/src/main.js") }),
  }),
  "plain sockets, HISTORY_SECONDS=0": await open({ settings: { HISTORY_SECONDS: "0" } }),
  "eventwire.v1, HISTORY_SECONDS=0": await open({ settings: { HISTORY_SECONDS: "0" }, protocols: ["eventwire.v1"] }),
  "eventwire.v1 with the history": await open({ protocols: ["eventwire.v1"] }),
};
const names = Object.keys(cases);
const costs = Object.fromEntries(names.map((name) => [name, []]));
for (const name of names) await cases[name].measure();
for (let round = 0; round < rounds; round++) {
  for (let i = 0; i < names.length; i++) {
    const name = names[(i + round) % names.length];
    costs[name].push(await cases[name].measure());
  }
}
console.log("| sockets | CPU per frame | ratio to plain sockets |\n| --- | ---: | ---: |");
for (const name of names) {
  const ratios = costs[name].map((cost, round) => cost / costs["plain sockets"][round]);
  const range = `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`;
  console.log(`| ${name} | ${median(costs[name]).toFixed(2)} µs | ${median(ratios).toFixed(3)} [${range}] |`);
}
for (const one of Object.values(cases)) await one.close();
process.exit();

async function open({ settings = {}, protocols = [], program }) {
  const database = await makeDatabase();
  const command = ["taskset", "-c", "0", process.execPath];
  const node = await startNode({ DATABASE_URL: database.url, ...settings }, { program, command });
  await node.post("/api/instance/new", { name: "desk" });
  await node.post("/api/events/websocket/desk", { enabled: true });
  let received = 0;
  let wanted = 0;
  let complete = () => {};
  for (let i = 0; i < sockets; i++) {
    const socket = new WebSocket(`ws://127.0.0.1:${node.port}/ws/desk?token=${accountToken}`, protocols);
    socket.on("message", (frame) => {
      if (frame.subarray(0, 11).toString() !== '{"control":' && ++received === wanted) complete();
    });
    await once(socket, "open");
  }
  const publisher = createPublisher({ url: node.grpcUrl, token: accountToken, receipts: false });
  return {
    async measure() {
      const before = cpuMs(node.pid);
      for (let sent = 0; sent < events; sent += burst) {
        wanted += burst * sockets;
        const arrived = new Promise((done) => (complete = done));
        for (let i = 0; i < burst; i++) publisher.publish("desk", "label.update", data);
        await arrived;
      }
      return (1000 * (cpuMs(node.pid) - before)) / (events * sockets);
    },
    async close() {
      await node.stop();
      await database.drop();
    },
  };
}
