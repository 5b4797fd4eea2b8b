/**
 * A flood of events of 1 MiB in history mode, on one node and on two nodes with JetStream: how many bytes the history keeps at most,
 * on each node and in the stream, and how much memory the processes take.
 *
 *     npm run build && DATABASE_URL=postgres://… node test/bench/history-flood.mjs [events]
 *
 * A consumer of `eventwire.v1` reads everything. The bytes are looked at ten times a second.
 */

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { createPublisher } from "../../dist/src/client/node/publisher.js";
import { startNats } from "./driver/nats.mjs";
import { accountToken, makeDatabase, memoryMiB, startNode } from "./driver/nodes.mjs";

const events = Number(process.argv[2] ?? 2_000);
const atOnce = 4;
const MiB = 2 ** 20;

console.log(`${events} events of 1 MiB, ${atOnce} at a time, HISTORY_BYTES as by default\n`);
console.log("| nodes | events/s | history of each node | stream | memory of each node | memory of nats-server |");
console.log("| ---: | ---: | ---: | ---: | ---: | ---: |");
for (const count of [1, 2]) console.log(await measure(count));

async function measure(count) {
  const directory = mkdtempSync(join(tmpdir(), "eventwire-bench-"));
  const database = await makeDatabase();
  const ends = [];
  try {
    const nats = count > 1 ? await startNats(directory, ends) : undefined;
    const settings = { ...(nats && { NATS_URL: nats.url }), DATABASE_URL: database.url, DATA_DIR: directory };
    const nodes = [];
    for (let i = 0; i < count; i++) {
      const node = await startNode(settings);
      ends.push(node.stop);
      nodes.push(node);
    }
    const [near, far] = [nodes[0], nodes.at(-1)];
    await near.post("/api/instance/new", { name: "desk" });
    await near.post("/api/events/websocket/desk", { enabled: true });
    await sleep(300);
    let received = 0;
    for (const node of nodes) {
      const socket = new WebSocket(`ws://127.0.0.1:${node.port}/ws/desk?token=${accountToken}`, ["eventwire.v1"]);
      socket.on("message", (frame) => {
        if (node === far && frame.length > MiB) received++;
      });
      await once(socket, "open");
      ends.push(async () => socket.terminate());
    }
    const most = new Map();
    const note = (name, value) => most.set(name, Math.max(most.get(name) ?? 0, value));
    let isOver = false;
    const looking = (async () => {
      while (!isOver) {
        for (const [i, node] of nodes.entries()) {
          const text = await (await fetch(`${node.grpcUrl}/metrics`)).text();
          note(`history ${i}`, Number(/^eventwire_history_bytes (\d+)/m.exec(text)[1]) / MiB);
          note(`memory ${i}`, memoryMiB(node.pid));
        }
        if (nats !== undefined) {
          const { account_details = [] } = await (await fetch(`${nats.monitor}/jsz?streams=true`)).json();
          for (const stream of account_details.flatMap(({ stream_detail }) => stream_detail ?? []))
            if (stream.name.endsWith("-history")) note("stream", stream.state.bytes / MiB);
          note("nats", memoryMiB(nats.pid));
        }
        await sleep(100);
      }
    })();
    const publisher = createPublisher({ url: near.grpcUrl, token: accountToken, receipts: false });
    const data = Buffer.from(JSON.stringify({ text: "x".repeat(MiB) }));
    const begun = performance.now();
    for (let sent = 0; sent < events; sent += atOnce)
      await Promise.all(Array.from({ length: atOnce }, () => publisher.publish("desk", "label.update", data)));
    const seconds = (performance.now() - begun) / 1000;
    const until = performance.now() + 10_000;
    while (received < events && performance.now() < until) await sleep(20);
    isOver = true;
    await looking;
    await publisher.close();
    const shown = (name) => (most.has(name) ? `${most.get(name).toFixed(1)} MiB` : "–");
    const ofNodes = (name) => nodes.map((_, i) => shown(`${name} ${i}`)).join(", ");
    return `| ${count} | ${Math.round(events / seconds)} | ${ofNodes("history")} | ${shown("stream")} | ${ofNodes("memory")} | ${shown("nats")} | (${received} received)`;
  } finally {
    for (const end of ends.reverse()) await end();
    await database.drop();
    rmSync(directory, { recursive: true, force: true });
  }
}
