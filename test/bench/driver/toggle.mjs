/**
 * The comparison of throughput: the servers' core is given to one system at a time, in short turns, so that whatever
 * else happens on the machine meets all of them alike. Ratios are taken inside a round.
 */

import { checkDelivery } from "./contest.mjs";
import { coreBusyNs } from "./machine.mjs";
import { cpuNs, pause, resume, sleep } from "./processes.mjs";

/**
 * @typedef {object} Turned what one system did in one round
 * @property {number} frames
 * @property {number} cpuUs of the server
 * @property {number} seconds while it had the core
 * @property {number} loadUs CPU of its load generator
 */

/** How long a system has the core. Its first writes find cold caches. */
const turnMs = 260;

/** The same, another one first: so that no system always follows the same other one. */
export const rotate = (list, by) => list.map((_, at) => list[(at + by) % list.length]);

/**
 * Every system gets its events alike: `burst` of them at once, so that a turn of the server has exactly that many, whoever
 * publishes them. `ahead` of them may be under way. An eager system would make one turn of those: it gets the next burst
 * when the last frame of the one before has arrived everywhere.
 * @param {import("./contest.mjs").Contestant[]} contestants all paused
 * @param {object} options
 * @param {number} options.burst
 * @param {number} options.framesPerEvent
 * @param {number} options.turns how often each system has the core
 * @param {number} [options.first] who begins
 * @param {number} [options.ahead] so many events may be under way at a time
 * @param {number} options.restUs how long the load generator sleeps between two looks at its sockets
 * @param {number} [options.eagerRestUs] the same for eager systems
 * @returns {Promise<{ turned: Record<string, Turned>, othersShare: number, failures: Map<import("./contest.mjs").Contestant, string> }>}
 */
export async function playRound(contestants, options) {
  const { burst, framesPerEvent, turns, first = 0, ahead = burst, restUs, eagerRestUs = restUs } = options;
  const order = rotate(contestants, first);
  const before = new Map();
  for (const c of order) before.set(c, { cpu: cpuNs(c.running.pids), stat: await c.generator.ask("stat"), ms: 0 });
  const busyBefore = coreBusyNs();
  const started = performance.now();

  const failures = new Map();
  /** Gives the core to one of them while `play` runs. */
  async function turn(c, play) {
    if (failures.has(c)) return;
    const began = performance.now();
    try {
      resume(c.running.pids);
      await play();
      pause(c.running.pids);
    } catch (error) {
      failures.set(c, error.message);
    }
    before.get(c).ms += performance.now() - began;
  }

  for (let turned = 0; turned < turns; turned++) {
    for (const c of order) {
      await turn(c, async () => {
        await c.generator.ask(`rest ${c.peer.eager ? eagerRestUs : restUs}`);
        await c.generator.ask(`loop ${burst} ${(c.peer.eager ? burst : ahead) * framesPerEvent} ${burst}`);
        await sleep(turnMs);
        await c.generator.ask("hold");
      });
    }
  }
  for (const c of order) {
    await turn(c, async () => {
      const { stat } = before.get(c);
      const after = await c.drained();
      before.get(c).after = after;
      checkDelivery(c, stat, after);
    });
  }

  /** @type {Record<string, Turned>} */
  const turned = {};
  let cpuSum = 0;
  for (const c of order) {
    if (failures.has(c)) continue;
    const { cpu, stat, ms, after } = before.get(c);
    const spent = cpuNs(c.running.pids) - cpu;
    cpuSum += spent;
    turned[c.name] = {
      frames: after.frames - stat.frames,
      cpuUs: spent / 1000,
      seconds: ms / 1000,
      loadUs: (after.cpu - stat.cpu) * 1e6,
    };
  }
  const wall = (performance.now() - started) * 1e6;
  return { turned, othersShare: Math.max(0, (coreBusyNs() - busyBefore - cpuSum) / wall), failures };
}
