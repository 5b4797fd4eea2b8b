/**
 * Loaded into the program before it starts (`node --import`): tells how long the longest turn of its event loop kept the
 * processor. What a turn costs is the time that passed or the processor time of the process, whichever is less: a busy
 * machine makes only the first longer, helper threads only the second.
 */

import { createServer } from "node:http";

let longestMs = 0;
let measuring = false;

function look(wall, cpu) {
  if (!measuring) return;
  const now = performance.now();
  const { user, system } = process.cpuUsage(cpu);
  longestMs = Math.max(longestMs, Math.min(now - wall, (user + system) / 1000));
  setImmediate(look, performance.now(), process.cpuUsage());
}

/** `/start` begins to measure, `/stop` answers the longest turn in milliseconds. */
createServer(({ url }, response) => {
  measuring = url === "/start";
  if (measuring) {
    longestMs = 0;
    setImmediate(() => setImmediate(look, performance.now(), process.cpuUsage()));
  }
  response.end(String(longestMs));
})
  .listen(process.env.TURN_PROBE)
  .unref();
