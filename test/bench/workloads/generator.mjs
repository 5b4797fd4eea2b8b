/** Whether the load generator's own cost shows in what it measures: two hubs, one with a generator that wastes CPU. */

import { openContest } from "../driver/contest.mjs";
import { playRound } from "../driver/toggle.mjs";
import { eventsAhead, restUs, roomBytes } from "./ahead.mjs";

/** About what a read costs: its CPU doubles. */
const wasteNs = 4000;
const names = ["as it is", "wasting as much again"];

export function generator({ name, title, shape, bursts }) {
  return {
    name,
    title,
    systems: ["hub"],
    kind: "generator",
    async run({ rounds, log }) {
      log(`${title}: starting two hubs with ${shape.sockets} sockets each`);
      const contests = [];
      const samples = [];
      try {
        for (const [at, name] of names.entries()) {
          const load = { room_bytes: roomBytes, waste_ns: at * wasteNs };
          const contest = await openContest(["hub"], shape, log, { load });
          contests.push(contest);
          contest.contestants[0].name = name;
        }
        const contestants = contests.flatMap((contest) => contest.contestants);
        for (let round = 0; round < rounds; round++) {
          for (const burst of bursts) {
            const { turned } = await playRound(contestants, {
              burst,
              ahead: eventsAhead(burst, shape.size),
              restUs: restUs(shape.size, burst),
              framesPerEvent: shape.sockets,
              turns: 2,
              first: round,
            });
            for (const [system, { cpuUs, frames, loadUs }] of Object.entries(turned))
              samples.push({ system, burst, round, usPerFrame: cpuUs / frames, loadShare: loadUs / cpuUs });
          }
        }
      } finally {
        for (const contest of contests) await contest.close();
      }
      return { systems: names, samples };
    },
  };
}
