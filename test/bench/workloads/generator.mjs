/**
 * Whether the load generator's own cost shows in what it measures: hubs with generators that differ in nothing but what a
 * read costs. The least that any can cost is what the kernel spends on frames that nobody looks at.
 */

import { openContest } from "../driver/contest.mjs";
import { playRound } from "../driver/toggle.mjs";
import { eventsAhead, restUs, roomBytes } from "./ahead.mjs";

/** Options of the generator. A read costs about 4 µs: with as much on top its CPU doubles. */
const generators = {
  "as it is": {},
  "wasting as much again": { waste_ns: 4000 },
  "dropping all unread": { unread: 1 },
};
const names = Object.keys(generators);

export function generator({ name, title, shape, bursts }) {
  return {
    name,
    title,
    systems: ["hub"],
    kind: "generator",
    async run({ rounds, log }) {
      log(`${title}: starting ${names.length} hubs with ${shape.sockets} sockets each`);
      const contests = [];
      const samples = [];
      try {
        for (const [name, load] of Object.entries(generators)) {
          const contest = await openContest(["hub"], shape, log, { load: { room_bytes: roomBytes, ...load } });
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
