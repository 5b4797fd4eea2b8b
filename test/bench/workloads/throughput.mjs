/** CPU per delivered frame, all systems toggled in one run; the shape and the bursts are what differs between workloads. */

import { openContest } from "../driver/contest.mjs";
import { playRound } from "../driver/toggle.mjs";
import { eagerRestUs, eventsAhead, restUs, roomBytes } from "./ahead.mjs";

/** How often each system has the core in one round. */
const turnsPerRound = 2;
const turnMs = 260;

/**
 * @typedef {object} Sample one system in one round
 * @property {string} system
 * @property {number} burst
 * @property {number} round
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
 * @param {string[]} workload.systems the first is what the others are compared with
 * @param {boolean} [workload.merging] some of them would make one turn of bursts that are under way together
 */
export function throughput({ name, title, shape, bursts, systems, merging = false, quick = false }) {
  return {
    name,
    title,
    systems,
    quick,
    kind: "throughput",
    async run({ available, sets, rounds, log }) {
      const entered = systems.filter(available);
      /** @type {Sample[]} */
      const samples = [];
      const others = [];
      for (let set = 0; set < sets; set++) {
        log(`${title}: starting ${entered.length} systems with ${shape.sockets} sockets each`);
        const contest = await openContest(entered, shape, log, { load: { room_bytes: roomBytes } });
        try {
          for (let round = 0; round < rounds; round++) {
            for (const burst of bursts) {
              const { turned, othersShare, failures } = await playRound(contest.contestants, {
                burst,
                ahead: merging ? burst : eventsAhead(burst, shape.size),
                framesPerEvent: shape.sockets / shape.instances,
                seconds: (turnsPerRound * turnMs * entered.length) / 1000,
                turnMs,
                restUs: merging ? eagerRestUs : restUs,
                eagerRestUs,
                first: round,
              });
              for (const [contestant, why] of failures) await contest.exclude(contestant, why);
              others.push(othersShare);
              for (const [system, t] of Object.entries(turned)) {
                samples.push({
                  system,
                  burst,
                  round: set * rounds + round,
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
      }
      return { samples, others };
    },
  };
}
