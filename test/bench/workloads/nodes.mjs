/** What it adds that a socket is on another node: latency, CPU and throughput over NATS, beside a node that is alone. */

import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { pino } from "pino";
import { WebSocket } from "ws";
import { openEmbeddedPostgres } from "../../../dist/src/store/embedded/embedded-postgres.js";
import { startGenerator } from "../driver/generator.mjs";
import { loadCore } from "../driver/machine.mjs";
import { cpuNs, kill, sleep, start } from "../driver/processes.mjs";
import { peers } from "../peers/catalogue.mjs";
import { startEventwire } from "../peers/eventwire.mjs";
import { freePort, listening, missingNats, scratchDirectory } from "../peers/external.mjs";
import { createPayloads, instanceName, recordBytes } from "../peers/payload.mjs";
import { openRest } from "../peers/publishing/rest.mjs";
import { startFlood } from "./ingest.mjs";

const size = 400;
const eventsPerRound = 300;
const floodMs = 1000;
/** A frame that has not come by then never will. */
const lostMs = 10_000;
/** Instance 0 has a socket on the node that takes the events, instance 1 one on the other node. */
const [nearInstance, farInstance] = [0, 1];

export function nodes({ name, title }) {
  return {
    name,
    title,
    systems: ["stream"],
    kind: "nodes",
    async run({ rounds, log }) {
      const without = missingNats();
      if (without !== undefined) throw new Error(without);
      log(`${title}: starting three nodes`);
      const cluster = await startNodes();
      try {
        const latencies = await measureLatency(cluster, rounds);
        const floods = await measureFloods(cluster, rounds);
        return { latencies, floods };
      } finally {
        await cluster.close();
      }
    },
  };
}

async function startNodes() {
  const directory = scratchDirectory("nodes");
  const natsPort = await freePort();
  writeFileSync(`${directory}/nats.conf`, `host: 127.0.0.1\nport: ${natsPort}\n`);
  const nats = start(loadCore, ["nats-server", "-c", `${directory}/nats.conf`]);
  await listening(natsPort, nats);
  const logger = pino({ level: "fatal" });
  const database = await openEmbeddedPostgres({ dataDirectory: directory, purpose: "benchmark", settings: [], logger });
  const shared = {
    NATS_URL: `nats://127.0.0.1:${natsPort}`,
    DATABASE_URL: database.url,
    ENCRYPTION_KEY: "5".repeat(64),
  };
  const near = await startEventwire({ size, instances: 2 }, shared);
  const far = await startEventwire({ size, instances: 0 }, shared);
  const alone = await startEventwire({ size, instances: 2 });
  return {
    near,
    far,
    alone,
    async close() {
      for (const node of [near, far, alone]) await node.close();
      await database.close();
      await kill(nats);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Where the socket is, as seen from the node that takes the event. */
const waysOf = ({ near, far, alone }) => [
  { way: "node alone", taker: alone, holder: alone, instance: nearInstance },
  { way: "socket on the same node", taker: near, holder: near, instance: nearInstance },
  { way: "socket on the other node", taker: near, holder: far, instance: farInstance },
];

/** One event at a time, the ways in turns: from the request to the frame, and to the answer. In µs. */
async function measureLatency(cluster, rounds) {
  const payloads = createPayloads({ size, instances: 2 });
  const record = Buffer.alloc(recordBytes, "0");
  const ways = await Promise.all(
    waysOf(cluster).map(async ({ way, taker, holder, instance }) => {
      record.writeUInt32LE(instance, 0);
      const payload = { case: "dataJson", value: payloads.data(record) };
      const event = { instance: instanceName(instance), event: payloads.typeOf(record), payload };
      const { prepare, send } = await openRest({ port: taker.port, token: taker.publisher.token });
      const url = `ws://127.0.0.1:${holder.port}/ws/${event.instance}?token=${holder.publisher.token}`;
      const socket = new WebSocket(url);
      await once(socket, "open");
      return { way, socket, publish: () => send(prepare([event])), frame: [], answer: [] };
    }),
  );
  for (let n = 0; n < eventsPerRound * rounds; n++) {
    for (const { socket, publish, frame, answer } of ways) {
      const from = performance.now();
      const since = (into) => () => into.push((performance.now() - from) * 1000);
      const arrived = once(socket, "message", { signal: AbortSignal.timeout(lostMs) });
      await Promise.all([arrived.then(since(frame)), publish().then(since(answer))]);
    }
  }
  for (const { socket } of ways) socket.terminate();
  return Object.fromEntries(ways.map(({ way, frame, answer }) => [way, { frame, answer }]));
}

/** As fast as it is acknowledged, the ways in turns. */
async function measureFloods(cluster, rounds) {
  const samples = [];
  const ways = [];
  for (const { way, taker, holder, instance } of waysOf(cluster)) {
    const path = peers.stream.path.replace("#", String(instance));
    const reader = startGenerator({ port: holder.port, path, sockets: 1, instances: 1 });
    await reader.ask("connect");
    const told = { way: "stream", batch: 64, floodInstance: instance, ...taker.publisher, port: taker.port };
    ways.push({ way, taker, holder, reader, flood: await startFlood(way, taker.pids, told) });
  }
  for (let round = -1; round < rounds; round++) {
    for (const { way, taker, holder, flood } of ways) {
      const [near, far] = [cpuNs(taker.pids), cpuNs(holder.pids)];
      const before = await flood.ask("go");
      await sleep(floodMs);
      await flood.ask("hold");
      await sleep(100);
      const events = (await flood.ask("stat")).published - before.published;
      const us = (pids, from) => (cpuNs(pids) - from) / 1000 / events;
      const perSecond = (events / floodMs) * 1000;
      // The first one warms up.
      if (round >= 0)
        samples.push({ way, round, perSecond, nearUs: us(taker.pids, near), farUs: us(holder.pids, far) });
    }
  }
  for (const { reader, flood } of ways) {
    await kill(flood.child);
    await reader.close();
  }
  return samples;
}
