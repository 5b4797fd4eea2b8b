/** CPU per delivered frame, all systems toggled in one run; the shape and the bursts are what differs between workloads. */

import { openContest } from "../driver/contest.mjs";
import { playRound } from "../driver/toggle.mjs";
import { eagerRestUs, eventsAhead, mergingRestUs, restUs, roomBytes } from "./ahead.mjs";

/** How often each system has the core in one round. */
const turnsPerRound = 2;

/**
 * @typedef {object} Heat systems that are up together
 * @property {string[]} systems the first is what the others are compared with; it is the same in all heats
 * @property {number} [times] so often, each time with fresh processes, where little lies between them
 */

/**
 * @typedef {object} Sample one system in one round
 * @property {string} system
 * @property {number} burst
 * @property {string} round of which heat and set
 * @property {number} usPerFrame CPU of the server
 * @property {number} framesPerCpuSecond
 * @property {number} loadShare CPU of the load generator as a part of the server's
 */

/**
 * @param {object} workload
 * @param {string} workload.name
 * @param {string} workload.title
 * @param {import("../peers/payload.mjs").Shape & { sockets: number }} workload.shape
 * @param {number[]} workload.bursts events at once
 * @param {Heat[]} workload.heats
 * @param {boolean} [workload.merging] some of them would make one turn of bursts that are under way together
 */
export function throughput({ name, title, shape, bursts, heats, merging = false, quick = false }) {
  /** @returns {Promise<{ samples: Sample[], others: number[] }>} */
  async function runHeat(systems, key, { rounds, log }) {
    log(`${title}: ${systems.join(", ")}, ${shape.sockets} sockets each`);
    const contest = await openContest(systems, shape, log, { load: { room_bytes: roomBytes } });
    const samples = [];
    const others = [];
    try {
      for (let round = 0; round < rounds; round++) {
        for (const burst of bursts) {
          const { turned, othersShare, failures } = await playRound(contest.contestants, {
            burst,
            ahead: merging ? burst : eventsAhead(burst, shape.size),
            framesPerEvent: shape.sockets / shape.instances,
            turns: turnsPerRound,
            restUs: merging ? mergingRestUs : restUs(shape.size, burst),
            eagerRestUs,
            first: round,
          });
          for (const [contestant, why] of failures) await contest.exclude(contestant, why);
          others.push(othersShare);
          for (const [system, t] of Object.entries(turned)) {
            samples.push({
              system,
              burst,
              round: `${key}, ${round}`,
              usPerFrame: t.cpuUs / t.frames,
              framesPerCpuSecond: (t.frames / t.cpuUs) * 1e6,
              loadShare: t.loadUs / t.cpuUs,
            });
          }
        }
      }
    } finally {
      await contest.close();
    }
    return { samples, others };
  }

  return {
    name,
    title,
    systems: [...new Set(heats.flatMap(({ systems }) => systems))],
    quick,
    kind: "throughput",
    async run({ available, sets, timesMax, rounds, log }) {
      const samples = [];
      const others = [];
      for (let set = 0; set < sets; set++) {
        for (const [at, { systems, times = 1 }] of heats.entries()) {
          const entered = systems.filter(available);
          if (entered.length < 2) continue;
          for (let time = 0; time < Math.min(times, timesMax); time++) {
            const heat = await runHeat(entered, `${set}, ${at}, ${time}`, { rounds, log });
            samples.push(...heat.samples);
            others.push(...heat.others);
          }
        }
      }
      return { samples, others };
    },
  };
}
