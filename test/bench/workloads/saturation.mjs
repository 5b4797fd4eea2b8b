/** How many frames a second one core delivers: the rate is raised until frames are late, lost, or a reader is too slow. */

import { connectAll, oneByOne } from "../driver/contest.mjs";
import { resume } from "../driver/processes.mjs";
import { playWindow } from "./rates.mjs";

/** The climb, then as often halfway between the last rate that was sustained and the first that was not: to 2 %. */
const step = 1.15;
const halvings = 3;
/** Above this the queue grows: the rate is not sustained, it is only not yet over. */
const p99MaxMs = 250;
const recoverMs = 60_000;

export function saturation({ name, title, shape, from, systems }) {
  return {
    name,
    title,
    systems,
    kind: "saturation",
    async run({ available, windowSeconds, log }) {
      const options = { load: { rest_us: restUs } };
      const highest = await oneByOne(systems.filter(available), shape, log, options, async (contestant) => {
        let best = { rate: 0, p99: 0 };
        let failed = { rate: Number.POSITIVE_INFINITY, end: "" };
        async function attempt(rate) {
          const { p99, end } = await climb(contestant, rate, windowSeconds);
          if (end === undefined) best = { rate, p99 };
          else {
            failed = { rate, end };
            await recover(contestant, shape.sockets);
          }
        }
        for (let rate = from; failed.end === ""; rate = Math.round(rate * step)) await attempt(rate);
        for (let n = 0; n < halvings; n++) await attempt(Math.round((best.rate + failed.rate) / 2));
        return {
          system: contestant.name,
          eventsPerSecond: best.rate,
          framesPerSecond: (best.rate * shape.sockets) / shape.instances,
          p99: best.p99,
          end: `at ${failed.rate} events/s: ${failed.end}`,
        };
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

/** Whatever the overload left: frames under way, sockets that were closed as slow consumers. */
async function recover(contestant, sockets) {
  resume(contestant.running.pids);
  await contestant.drained(recoverMs);
  await connectAll(contestant, sockets);
}

/** At millions of frames a second the load generator must read many at once. */
const restUs = 1000;
