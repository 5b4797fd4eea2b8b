/** All readers stop: memory that the frames waiting for them take. */

import { oneByOne } from "../driver/contest.mjs";
import { measureMemory, resume, sleep } from "../driver/processes.mjs";

/** Less than the 257 that would disconnect them. */
const events = 240;
/** Before that everybody reads, at a part of the rate so that nothing waits yet, until the process is as in operation. */
const warmUpShare = 0.3;
const warmUpMs = 20_000;

/** `narrow`: so much that a frame fits, else the warm-up would leave behind in the process what is to be measured. */
export function stuck({ name, title, shape, narrow, systems }) {
  return {
    name,
    title,
    systems,
    kind: "stuck",
    narrow,
    async run({ available, log }) {
      const options = { load: { small: shape.sockets, small_bytes: Math.max(4096, shape.size / 4) }, warm: false };
      return { rows: await oneByOne(systems.filter(available), shape, log, options, (c) => measure(c, shape)) };
    },
  };
}

async function measure({ name, running, generator, drained }, { size, sockets, perSecond }) {
  resume(running.pids);
  // The first events compile code, fill caches and make the young generation grow: no part of what waits.
  await generator.ask(`rate ${perSecond * warmUpShare}`);
  await sleep(warmUpMs);
  await drained(60_000);
  const free = await measureMemory(running);
  await generator.ask(`freeze ${sockets}`);
  const before = await generator.ask(`rate ${perSecond}`);
  let now = before;
  while (now.published - before.published < events) {
    await sleep(20);
    now = await generator.ask("stat");
  }
  const { published } = await generator.ask("hold");
  const full = await measureMemory(running);
  return {
    system: name,
    size,
    sockets,
    waiting: published - before.published,
    growth: full.resident - free.resident,
    kernelGrowth: full.kernel - free.kernel,
  };
}
