/** Fixed rates: latency from the moment an event was meant to happen, and CPU. One system at a time, in turns. */

import { checkDelivery, openContest } from "../driver/contest.mjs";
import { cpuNs, pause, resume, sleep } from "../driver/processes.mjs";

/** Longer than this to deliver what is under way means that the rate was too much. */
const drainMs = 8000;
/** At the first events of a window caches are cold and code may not be compiled. */
const warmUpMs = 400;
/** Each takes two minutes of a full run, and has a hundred thousand latencies per system and rate. */
const roundsMax = 3;

/**
 * @typedef {object} Window
 * @property {string} system
 * @property {number} rate events per second
 * @property {number} p50 in ms
 * @property {number} p99
 * @property {number} p999
 * @property {number} usPerFrame
 * @property {number} cpuShare of one core
 */

export function rates({ name, title, shape, perSecond, systems }) {
  return {
    name,
    title,
    systems,
    kind: "rates",
    async run({ available, rounds, windowSeconds, log }) {
      const entered = systems.filter(available);
      log(`${title}: starting ${entered.length} systems with ${shape.sockets} sockets each`);
      const contest = await openContest(entered, shape, log);
      /** @type {Window[]} */
      const windows = [];
      /** @type {Record<string, number>} the rate that was too much */
      const gaveUp = {};
      try {
        for (const rate of perSecond) {
          for (let round = 0; round < Math.min(rounds, roundsMax); round++) {
            for (const c of [...contest.contestants]) {
              try {
                windows.push({ system: c.name, rate, ...(await playWindow(c, rate, windowSeconds)) });
              } catch (error) {
                gaveUp[c.name] = rate;
                await contest.exclude(c, `it does not sustain ${rate} events/s: ${error.message}`);
              }
            }
          }
        }
      } finally {
        await contest.close();
      }
      return { windows, gaveUp };
    },
  };
}

/** Its process runs during the window and is paused again. Throws when frames are lost or come too late to count. */
export async function playWindow(contestant, rate, seconds) {
  const { generator, running } = contestant;
  resume(running.pids);
  await generator.ask(`rate ${rate}`);
  await sleep(warmUpMs);
  const before = await generator.ask("reset");
  const cpuBefore = cpuNs(running.pids);
  const started = performance.now();
  await sleep(seconds * 1000);
  const cpu = cpuNs(running.pids) - cpuBefore;
  const wall = (performance.now() - started) * 1e6;
  const after = await generator.ask("stat");
  const { latency } = await contestant.drained(drainMs);
  checkDelivery(contestant, before, await generator.ask("stat"));
  pause(running.pids);
  return {
    p50: latency.p50,
    p99: latency.p99,
    p999: latency.p999,
    usPerFrame: cpu / 1000 / (after.frames - before.frames),
    cpuShare: cpu / wall,
  };
}
