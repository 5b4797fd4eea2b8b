/** Memory of sockets on which nothing happens: of the process, and of the kernel (both ends, they are on one machine). */

import { readFileSync } from "node:fs";
import { connectAll, oneByOne } from "../driver/contest.mjs";
import { measureMemory, resume } from "../driver/processes.mjs";

/** What the limit on open files leaves. */
function socketsAllowed() {
  const limit = Number(/Max open files\s+\S+\s+(\d+)/.exec(readFileSync("/proc/self/limits", "utf8"))?.[1]);
  return limit - 300;
}

export function idle({ name, title, sockets, systems }) {
  return {
    name,
    title,
    systems,
    kind: "idle",
    async run({ available, log }) {
      const count = Math.min(sockets, socketsAllowed());
      const half = Math.floor(count / 2);
      const shape = { size: 400, instances: 1, sockets: count };
      const rows = await oneByOne(systems.filter(available), shape, log, { connected: false }, async (c) => {
        resume(c.running.pids);
        const empty = await measureMemory(c.running);
        await connectAll(c, half);
        const middle = await measureMemory(c.running);
        await connectAll(c, count);
        const full = await measureMemory(c.running);
        return {
          system: c.name,
          count,
          emptyBytes: empty.resident,
          bytesPerSocket: (full.resident - empty.resident) / count,
          bytesPerFurtherSocket: (full.resident - middle.resident) / (count - half),
          kernelBytesPerSocket: (full.kernel - empty.kernel) / count,
        };
      });
      return { rows };
    },
  };
}
