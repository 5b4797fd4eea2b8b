/** What it costs to take an event in: by batches on a gRPC stream, by gRPC unary, by REST; with no taker and with one. */

import { createInterface } from "node:readline";
import { connectAll } from "../driver/contest.mjs";
import { startGenerator } from "../driver/generator.mjs";
import { loadCore, serverCore } from "../driver/machine.mjs";
import { cpuNs, firstLine, kill, pause, resume, sleep, start } from "../driver/processes.mjs";
import { rotate } from "../driver/toggle.mjs";
import { peers, script } from "../peers/catalogue.mjs";
import { startEventwire } from "../peers/eventwire.mjs";
import { roomBytes } from "./ahead.mjs";

const size = 400;
const turnMs = 400;
const turnsPerRound = 3;
/** How often one turn is repeated because the taker was closed as a slow consumer. */
const cutsMax = 5;

/** Instance 0 has a socket, instance 1 has none. */
const ways = [
  { system: "stream, no taker", way: "stream", batch: 64, floodInstance: 1 },
  { system: "stream, one taker", way: "stream", batch: 64, floodInstance: 0 },
  { system: "unary, one taker", way: "unary", batch: 1, floodInstance: 0 },
  { system: "REST, one taker", way: "rest", batch: 1, floodInstance: 0 },
  { system: "REST, no taker", way: "rest", batch: 1, floodInstance: 1 },
];

export function ingest({ name, title }) {
  return {
    name,
    title,
    systems: ["stream"],
    kind: "ingest",
    async run({ available, rounds, log }) {
      if (!available("stream")) return { systems: [], samples: [] };
      log(`${title}: starting Eventwire and a bare route`);
      const eventwire = await startEventwire({ size, instances: 2 });
      const bare = start(serverCore, [process.execPath, script("rest-server")]);
      const { port } = await firstLine(bare);
      const taker = startGenerator({
        port: eventwire.port,
        path: peers.stream.path,
        sockets: 1,
        instances: 1,
        room_bytes: roomBytes,
      });
      const contestant = { name: "taker", generator: taker };
      await connectAll(contestant, 1);
      const floods = [];
      for (const { system, ...told } of ways)
        floods.push(
          await startFlood(system, eventwire.pids, { ...told, ...eventwire.publisher, port: eventwire.port }),
        );
      floods.push(await startFlood("bare route that parses", [bare.pid], { way: "rest", batch: 1, port, token: "x" }));
      const samples = [];
      try {
        for (const { pids } of floods) pause(pids);
        for (let round = -1; round < rounds; round++) {
          for (let turn = 0; turn < turnsPerRound; turn++) {
            for (const flood of rotate(floods, round + 1 + turn)) {
              let sample = await play(flood);
              for (let cuts = 1; (await taker.ask("stat")).open === 0; cuts++) {
                if (cuts > cutsMax) throw new Error(`${flood.system}: its taker was too slow ${cuts} times`);
                log(`${flood.system}: its taker was too slow, which makes events cheap: once more`);
                resume(eventwire.pids);
                await connectAll(contestant, 1);
                pause(eventwire.pids);
                sample = await play(flood);
              }
              if (round >= 0) samples.push({ system: flood.system, round, ...sample });
            }
          }
        }
      } finally {
        for (const { child } of floods) await kill(child);
        await taker.close();
        await kill(bare);
        await eventwire.close();
      }
      return { systems: floods.map(({ system }) => system), samples };
    },
  };
}

export async function startFlood(system, pids, { batch, ...told }) {
  const words = [
    process.execPath,
    script("eventwire-publisher"),
    JSON.stringify({ ...told, size, instances: 2, flood: { batch } }),
  ];
  const child = start(loadCore, words, { stdin: "pipe" });
  await firstLine(child);
  /** @type {((answer: any) => void)[]} */
  const waiting = [];
  createInterface(child.stdout).on("line", (line) => waiting.shift()?.(JSON.parse(line)));
  const ask = (line) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${system} does not answer ${child.log}`)), 10_000);
      waiting.push((answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
      child.stdin.write(`${line}\n`);
    });
  return { system, pids, child, ask };
}

export async function play({ pids, ask }) {
  resume(pids);
  const cpu = cpuNs(pids);
  const before = await ask("go");
  await sleep(turnMs);
  await ask("hold");
  await sleep(50);
  const after = await ask("stat");
  const spent = cpuNs(pids) - cpu;
  pause(pids);
  const events = after.published - before.published;
  return {
    events,
    usPerEvent: spent / 1000 / events,
    perSecond: (events / turnMs) * 1000,
    loadShare: ((after.cpuUs - before.cpuUs) * 1000) / spent,
  };
}
