/** The control channel: the load generator says when events happen, a publisher turns each into whatever it publishes with. */

import { createServer } from "node:net";
import { recordBytes } from "./payload.mjs";

/**
 * Calls `publish` for each event, then `endTurn`, once per turn of the event loop. A record that names a turn of K events
 * is published with at most K - 1 others, and the next K when what `endTurn` answers has settled, so that a server in
 * another process gets them in a turn of its own; 0 means all that have come, and nothing is waited for.
 * @param {{ publish: (record: Buffer) => void, endTurn?: () => unknown }} publisher
 * @returns {Promise<number>} the port that it listens on
 */
export function startControl({ publish, endTurn }) {
  /** @type {Buffer[]} */
  const queue = [];
  let at = 0;
  let scheduled = false;

  function drive() {
    const turn = queue[at].readUInt32LE(4);
    const end = turn === 0 ? queue.length : Math.min(queue.length, at + turn);
    while (at < end) publish(queue[at++]);
    if (at === queue.length) {
      queue.length = 0;
      at = 0;
    }
    const taken = endTurn?.();
    if (turn === 0 || taken === undefined) goOn();
    else taken.then(goOn);
  }

  function goOn() {
    scheduled = false;
    if (queue.length > 0) schedule();
  }

  function schedule() {
    if (scheduled) return;
    scheduled = true;
    setImmediate(drive);
  }

  const server = createServer({ noDelay: true }, (socket) => {
    let rest = Buffer.alloc(0);
    socket.on("data", (chunk) => {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let from = 0;
      for (; from + recordBytes <= bytes.length; from += recordBytes)
        queue.push(bytes.subarray(from, from + recordBytes));
      rest = bytes.subarray(from);
      if (queue.length > 0) schedule();
    });
    socket.on("error", () => {});
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve(server.address().port));
  });
}

/** Tells the driver where to find this process. */
export function announce(ports) {
  process.stdout.write(`${JSON.stringify(ports)}\n`);
}

/** What the driver asked for, as JSON in the first argument. */
export const asked = () => JSON.parse(process.argv[2]);
