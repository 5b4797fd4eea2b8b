/** Makes a server as it is after it has run for a while: JavaScript is compiled by and by, from its first events on. */

import { sleep } from "./processes.mjs";

/** In all, or one per instance: to a thousand, the thousands of events that it takes would last a minute. */
const socketsMin = 10;
const bursts = [1, 16];
const msPerBurst = 2000;

/** With so many sockets. */
export const warmUpSockets = ({ instances, sockets }) => Math.min(sockets, Math.max(socketsMin, instances));

/**
 * As many events as it delivers to the sockets that are open: alone, then several at once.
 * @param {import("./contest.mjs").Contestant} contestant
 * @param {number} framesPerEvent
 */
export async function warmUp({ generator, drained }, framesPerEvent) {
  for (const burst of bursts) {
    await generator.ask(`loop ${burst} ${burst * framesPerEvent} ${burst}`);
    await sleep(msPerBurst);
    await drained();
  }
}
