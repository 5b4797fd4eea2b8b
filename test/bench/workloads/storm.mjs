/** Ten thousand clients that connect at once: CPU of the server per accepted upgrade. */

import { connectAll, openContest } from "../driver/contest.mjs";
import { cpuNs, pause, resume, sleep } from "../driver/processes.mjs";
import { rotate } from "../driver/toggle.mjs";

/** Between two looks at whether the server has closed the sockets of the last storm. */
const lookMs = 100;
const looksMax = 50;
const idleNs = 1e6;

export function storm({ name, title, sockets, systems }) {
  return {
    name,
    title,
    systems,
    kind: "storm",
    async run({ available, rounds, log }) {
      const entered = systems.filter(available);
      log(`${title}: starting ${entered.length} systems`);
      const contest = await openContest(entered, { size: 400, instances: 1, sockets }, log, {
        load: { inflight: 256 },
        connected: false,
      });
      const samples = [];
      try {
        // The first storm only warms up: code is compiled in it.
        for (let round = -1; round < rounds; round++) {
          for (const c of rotate(contest.contestants, round + 1)) {
            try {
              const sample = await strike(c, sockets);
              if (round >= 0) samples.push({ system: c.name, round, ...sample });
            } catch (error) {
              await contest.exclude(c, error.message);
            }
          }
        }
      } finally {
        await contest.close();
      }
      return { systems: entered, samples };
    },
  };
}

async function strike(contestant, sockets) {
  const { running, generator } = contestant;
  resume(running.pids);
  const before = cpuNs(running.pids);
  const { seconds } = await connectAll(contestant, sockets);
  const cpu = cpuNs(running.pids) - before;
  await generator.ask("drop");
  await idle(running.pids);
  pause(running.pids);
  return { usPerUpgrade: cpu / 1000 / sockets, upgradesPerSecond: sockets / seconds };
}

/** What a server has still to do after a storm must not be charged to the next one. */
async function idle(pids) {
  for (let looks = 0, before = cpuNs(pids); looks < looksMax; looks++) {
    await sleep(lookMs);
    const now = cpuNs(pids);
    if (now - before < idleNs) return;
    before = now;
  }
}
