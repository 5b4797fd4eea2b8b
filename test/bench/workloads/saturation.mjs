/** How many frames a second one core delivers: the rate is raised until frames are late, lost, or a reader is too slow. */

import { oneByOne } from "../driver/contest.mjs";
import { playWindow } from "./rates.mjs";

const step = 1.15;
/** Above this the queue grows: the rate is not sustained, it is only not yet over. */
const p99MaxMs = 250;

export function saturation({ name, title, shape, from, systems }) {
  return {
    name,
    title,
    systems,
    kind: "saturation",
    async run({ available, windowSeconds, log }) {
      const options = { load: { rest_us: restUs } };
      const highest = await oneByOne(systems.filter(available), shape, log, options, async (contestant) => {
        let best = { eventsPerSecond: 0, framesPerSecond: 0, p99: 0 };
        for (let rate = from; ; rate = Math.round(rate * step)) {
          const { p99, end } = await climb(contestant, rate, windowSeconds);
          if (end !== undefined) return { system: contestant.name, ...best, end: `at ${rate} events/s: ${end}` };
          best = { eventsPerSecond: rate, framesPerSecond: (rate * shape.sockets) / shape.instances, p99 };
        }
      });
      return { highest };
    },
  };
}

async function climb(contestant, rate, seconds) {
  try {
    const { p99 } = await playWindow(contestant, rate, seconds);
    return p99 > p99MaxMs ? { end: `p99 ${Math.round(p99)} ms` } : { p99 };
  } catch (error) {
    return { end: error.message };
  }
}

/** At millions of frames a second the load generator must read many at once. */
const restUs = 1000;
