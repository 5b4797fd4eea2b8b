/** Ten thousand clients that connect at once: CPU of the server per accepted upgrade. */

import { connectAll, openContest } from "../driver/contest.mjs";
import { cpuNs, pause, resume, sleep } from "../driver/processes.mjs";

const closeMs = 1500;

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
          for (const c of contest.contestants) {
            const sample = await strike(c, sockets);
            if (round >= 0) samples.push({ system: c.name, round, ...sample });
          }
        }
      } finally {
        await contest.close();
      }
      if (process.env.RAW) console.error(samples.map((s)=>s.system+" "+s.usPerUpgrade.toFixed(1)).join("\n")); return { samples };
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
  await sleep(closeMs);
  pause(running.pids);
  return { usPerUpgrade: cpu / 1000 / sockets, upgradesPerSecond: sockets / seconds };
}
