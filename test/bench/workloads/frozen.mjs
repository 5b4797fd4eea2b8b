/** One reader of a thousand stops reading: what the others notice of it. Windows with and without it take turns. */

import { connectAll, oneByOne } from "../driver/contest.mjs";
import { pause, resume, sleep } from "../driver/processes.mjs";
import { playWindow } from "./rates.mjs";

/** Of windows with and without it, in each round: the p99 of one is that of some hundred events. */
const pairsPerRound = 6;

export function frozen({ name, title, shape, rate, narrow, systems }) {
  return {
    name,
    title,
    systems,
    kind: "frozen",
    narrow,
    async run({ available, rounds, windowSeconds, log }) {
      // A small receive buffer: the kernel's room for it must be full within the window.
      const options = { load: { small: 1, small_bytes: 4096 } };
      const perSystem = await oneByOne(systems.filter(available), shape, log, options, async (c) => {
        const samples = [];
        for (let pair = 0; pair < pairsPerRound * rounds; pair++) {
          for (const freeze of pair % 2 === 0 ? [false, true] : [true, false]) {
            if (freeze) await c.generator.ask("freeze 1");
            const { p50, p99, p999 } = await playWindow(c, rate, windowSeconds);
            const closed = freeze ? await thaw(c, shape.sockets) : undefined;
            samples.push({ system: c.name, round: pair, freeze, p50, p99, p999, closed });
          }
        }
        return samples;
      });
      return { samples: perSystem.flat() };
    },
  };
}

/** Lets it read what was left for it; answers the close codes it saw. Then it is connected again. */
async function thaw(contestant, sockets) {
  resume(contestant.running.pids);
  const before = await contestant.generator.ask("thaw");
  await sleep(1000);
  const after = await contestant.generator.ask("stat");
  await connectAll(contestant, sockets);
  pause(contestant.running.pids);
  return Object.keys(after.closes).filter((code) => after.closes[code] !== before.closes[code]);
}
