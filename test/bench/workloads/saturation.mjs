/** How many frames a second one core delivers: the rate is raised until frames are late, lost, or a reader too slow, twice. */

import { connectAll, openContest } from "../driver/contest.mjs";
import { pause, resume } from "../driver/processes.mjs";
import { playWindow } from "./rates.mjs";

/** The climb, then as often halfway between the last rate that was sustained and the first that was not: to 2 %. */
const step = 1.15;
const halvings = 3;
/** Of what it sustained in the round before: where the next climb begins. */
const nextFrom = 0.85;
/** Above this the queue grows: the rate is not sustained, it is only not yet over. */
const p99MaxMs = 250;
const recoverMs = 60_000;
/** At millions of frames a second the load generator must read many at once. */
const restUs = 1000;

/**
 * @typedef {object} Climb one system in one round
 * @property {string} system
 * @property {number} round
 * @property {number} eventsPerSecond the highest rate that it sustained
 * @property {number} framesPerSecond
 * @property {number} p99 in ms, at that rate
 * @property {string} end what happened at the lowest rate that it did not
 */

/** The systems take each step one after the other, so that all of them meet what else happens on the machine. */
export function saturation({ name, title, shape, from, systems, rounds }) {
  return {
    name,
    title,
    systems,
    kind: "saturation",
    async run({ available, windowSeconds, log }) {
      const entered = systems.filter(available);
      log(`${title}: starting ${entered.length} systems with ${shape.sockets} sockets each`);
      const contest = await openContest(entered, shape, log, { load: { rest_us: restUs } });
      /** @type {Climb[]} */
      const climbs = [];
      try {
        for (let round = 0; round < rounds; round++) {
          const climbers = contest.contestants.map((contestant) => {
            const last = climbs.findLast(({ system }) => system === contestant.name);
            return new Climber(contestant, last === undefined ? from : Math.round(last.eventsPerSecond * nextFrom));
          });
          while (climbers.some((climber) => !climber.done)) {
            for (const climber of climbers) if (!climber.done) await climber.attempt(windowSeconds, shape.sockets);
          }
          for (const climber of climbers) climbs.push({ round, ...climber.result(shape.sockets / shape.instances) });
        }
      } finally {
        await contest.close();
      }
      return { climbs };
    },
  };
}

class Climber {
  #best = { rate: 0, p99: 0 };
  #failed = { rate: Number.POSITIVE_INFINITY, end: "" };
  #halvings = 0;
  #rate;
  #contestant;

  constructor(contestant, from) {
    this.#contestant = contestant;
    this.#rate = from;
  }

  get done() {
    return this.#halvings > halvings || this.#rate < 1;
  }

  async attempt(seconds, sockets) {
    const rate = this.#rate;
    let { p99, end } = await sustain(this.#contestant, rate, seconds);
    if (end !== undefined) {
      // Something else may have had the core for a moment.
      await recover(this.#contestant, sockets);
      ({ p99, end } = await sustain(this.#contestant, rate, seconds));
      if (end !== undefined) await recover(this.#contestant, sockets);
    }
    if (end === undefined) this.#best = { rate, p99 };
    else this.#failed = { rate, end };
    if (this.#failed.end === "") this.#rate = Math.round(rate * step);
    else if (this.#best.rate === 0) this.#rate = Math.round(rate / step);
    else {
      this.#rate = Math.round((this.#best.rate + this.#failed.rate) / 2);
      this.#halvings++;
    }
  }

  result(framesPerEvent) {
    return {
      system: this.#contestant.name,
      eventsPerSecond: this.#best.rate,
      framesPerSecond: this.#best.rate * framesPerEvent,
      p99: this.#best.p99,
      end: `at ${this.#failed.rate} events/s: ${this.#failed.end}`,
    };
  }
}

async function sustain(contestant, rate, seconds) {
  try {
    const { p99 } = await playWindow(contestant, rate, seconds);
    return p99 > p99MaxMs ? { end: `p99 ${Math.round(p99)} ms` } : { p99 };
  } catch (error) {
    return { end: error.message };
  }
}

/** From whatever the overload left: frames under way, sockets that were closed as slow consumers. */
async function recover(contestant, sockets) {
  resume(contestant.running.pids);
  await contestant.drained(recoverMs);
  await connectAll(contestant, sockets);
  pause(contestant.running.pids);
}
