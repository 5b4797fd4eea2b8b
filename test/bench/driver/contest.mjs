/** The systems of one comparison, all up at once, each with its own load generator and its own sockets. */

import { peers } from "../peers/catalogue.mjs";
import { startGenerator } from "./generator.mjs";
import { pause, sleep } from "./processes.mjs";
import { warmUp, warmUpSockets } from "./warm-up.mjs";

/**
 * @typedef {object} Contestant
 * @property {string} name
 * @property {import("../peers/catalogue.mjs").Peer} peer
 * @property {import("../peers/catalogue.mjs").Running} running
 * @property {import("./generator.mjs").Generator} generator
 * @property {(ms?: number) => Promise<any>} drained holds, and resolves when nothing is under way
 * @property {() => Promise<void>} leave
 */

/**
 * Starts them, warms them up and connects their sockets, unless `connected` is false; then all of them are paused. One
 * that fails stays out, with a line of the log.
 * @param {string[]} names
 * @param {import("../peers/payload.mjs").Shape & { sockets: number }} shape
 * @param {(line: string) => void} log
 * @param {{ load?: Record<string, string | number>, connected?: boolean, warm?: boolean }} [options] `load`: more options of
 * the generator; `warm`: false where the workload warms them up in its own way
 */
export async function openContest(names, shape, log, { load = {}, connected = true, warm = true } = {}) {
  /** @type {Contestant[]} */
  const contestants = [];
  for (const name of names) {
    try {
      contestants.push(await enter(name, shape, load, { connected, warm }));
    } catch (error) {
      log(`${name} stays out: ${error.message}`);
    }
  }
  return {
    contestants,
    /** Ends the part that one of them takes. */
    async exclude(contestant, why) {
      log(`${contestant.name} is out: ${why}`);
      contestants.splice(contestants.indexOf(contestant), 1);
      await contestant.leave();
    },
    async close() {
      for (const contestant of contestants.splice(0)) await contestant.leave();
    },
  };
}

/**
 * For measurements that take the systems one after the other: those that fail are left out.
 * @template T
 * @param {string[]} systems
 * @param {(contestant: Contestant) => Promise<T>} measure
 * @returns {Promise<T[]>}
 */
export async function oneByOne(systems, shape, log, options, measure) {
  const measured = [];
  for (const system of systems) {
    log(`${system}, ${shape.sockets} sockets`);
    const contest = await openContest([system], shape, log, options);
    const [contestant] = contest.contestants;
    if (contestant === undefined) continue;
    try {
      measured.push(await measure(contestant));
      await contest.close();
    } catch (error) {
      await contest.exclude(contestant, error.message);
    }
  }
  return measured;
}

/** @returns {Promise<Contestant>} */
async function enter(name, shape, load, { connected, warm }) {
  const peer = peers[name];
  const running = await peer.start(shape);
  const generator = startGenerator({
    port: running.port,
    control: running.control,
    path: running.path ?? peer.path,
    protocol: peer.protocol,
    sockets: shape.sockets,
    instances: shape.instances,
    mixed: shape.mixed ? 1 : 0,
    ...load,
  });
  const contestant = {
    name,
    peer,
    running,
    generator,
    drained: (ms) => drained(name, generator, ms),
    async leave() {
      await generator.close();
      await running.close();
    },
  };
  try {
    if (connected && warm) {
      const few = warmUpSockets(shape);
      await connectAll(contestant, few);
      await warmUp(contestant, few / shape.instances);
    }
    if (connected) await connectAll(contestant, shape.sockets);
  } catch (error) {
    await contestant.leave();
    throw error;
  }
  pause(running.pids);
  return contestant;
}

/** Connects up to so many sockets; answers what the generator says of it. */
export async function connectAll({ name, generator }, sockets) {
  const answer = await generator.ask(`connect ${sockets}`, 120_000);
  if (answer.open < sockets) throw new Error(`${name}: ${answer.open} of ${sockets} sockets opened. ${answer.refusal}`);
  // Some servers register a subscriber a little after they have accepted it.
  await sleep(200);
  return answer;
}

async function drained(name, generator, ms = 15_000) {
  const until = performance.now() + ms;
  let counters = await generator.ask("hold");
  while (counters.owed > 0) {
    if (performance.now() > until) throw new Error(`${name}: ${counters.owed} frames did not arrive within ${ms} ms`);
    await sleep(10);
    counters = await generator.ask("stat");
  }
  return counters;
}

/** Every socket got every frame, once, in order, and is still open; else an error. */
export function checkDelivery({ name, peer }, before, after) {
  for (const what of peer.unordered ? [] : ["missing", "doubled"]) {
    if (after[what] > before[what]) throw new Error(`${name}: ${after[what] - before[what]} frames ${what}`);
  }
  if (after.open < before.open)
    throw new Error(`${name}: ${before.open - after.open} sockets were closed ${JSON.stringify(after.closes)}`);
  if (after.lengthMin !== after.lengthMax)
    throw new Error(`${name}: frames of ${after.lengthMin} to ${after.lengthMax} bytes`);
}
