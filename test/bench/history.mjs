/**
 * What the history costs when several nodes keep it on JetStream: CPU per event of the node that accepts, of the node with the
 * consumers and of nats-server, and the memory of each.
 *
 *     npm run build && DATABASE_URL=postgres://… node test/bench/history.mjs [events]
 *
 * Each row has a database of its own on that server, a nats-server and two nodes. One node accepts all events over one gRPC
 * stream, the other one has ten consumers. CPU is the time of all threads, so other work on the machine disturbs it less than the
 * time that passes.
 */

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { createPublisher } from "../../dist/src/client/node/publisher.js";
import { startNats } from "./driver/nats.mjs";
import { accountToken, cpuMs, makeDatabase, memoryMiB, startNode } from "./driver/nodes.mjs";

const events = Number(process.argv[2] ?? 200_000);
const consumers = 10;
const batch = 64;

const rows = [
  ["plain WebSockets", { protocols: [], env: {} }],
  ["eventwire.v1, HISTORY_SECONDS=0", { protocols: ["eventwire.v1"], env: { HISTORY_SECONDS: "0" } }],
  ["eventwire.v1 with the history", { protocols: ["eventwire.v1"], env: {} }],
];
console.log(`${events} events of 300 bytes, ${consumers} consumers, batches of ${batch}\n`);
console.log(
  "| consumers | events/s | CPU accepting node | CPU other node | CPU nats-server | memory accepting | memory other | memory nats |",
);
console.log("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
for (const [name, row] of rows) console.log(await measure(name, row));

async function measure(name, { protocols, env }) {
  const directory = mkdtempSync(join(tmpdir(), "eventwire-bench-"));
  const database = await makeDatabase();
  const ends = [];
  try {
    const nats = await startNats(directory, ends);
    const settings = { ...env, NATS_URL: nats.url, DATABASE_URL: database.url, DATA_DIR: directory };
    const [near, far] = [await startNode(settings), await startNode(settings)];
    ends.push(near.stop, far.stop);
    await near.post("/api/instance/new", { name: "desk" });
    await near.post("/api/events/websocket/desk", { enabled: true });
    await sleep(300);
    let received = 0;
    const sockets = await Promise.all(
      Array.from({ length: consumers }, async () => {
        const socket = new WebSocket(`ws://127.0.0.1:${far.port}/ws/desk?token=${accountToken}`, protocols);
        socket.on("message", (frame) => {
          if (!frame.subarray(0, 11).toString().startsWith('{"control":')) received++;
        });
        await once(socket, "open");
        return socket;
      }),
    );
    const publisher = createPublisher({ url: near.grpcUrl, token: accountToken, receipts: false });
    const data = Buffer.from(JSON.stringify({ text: "x".repeat(280) }));
    const publish = async (count) => {
      const until = received + count * consumers;
      for (let sent = 0; sent < count; sent += batch)
        await Promise.all(Array.from({ length: batch }, () => publisher.publish("desk", "label.update", data)));
      while (received < until) await sleep(2);
    };
    await publish(batch * 200);
    const pids = [near.pid, far.pid, nats.pid];
    const before = pids.map(cpuMs);
    const begun = performance.now();
    await publish(events);
    const seconds = (performance.now() - begun) / 1000;
    const micros = pids.map((pid, i) => (((cpuMs(pid) - before[i]) * 1000) / events).toFixed(1));
    const memory = pids.map((pid) => `${memoryMiB(pid).toFixed(0)} MiB`);
    await publisher.close();
    for (const socket of sockets) socket.terminate();
    return `| ${name} | ${Math.round(events / seconds)} | ${micros.map((us) => `${us} µs`).join(" | ")} | ${memory.join(" | ")} |`;
  } finally {
    for (const end of ends.reverse()) await end();
    await database.drop();
    rmSync(directory, { recursive: true, force: true });
  }
}
