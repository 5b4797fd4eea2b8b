/** How much memory kept events take, measured. */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { createMemoryHistory } from "../../src/history/memory-history.js";
import { eventOf } from "../support/bus-suite.js";

it("counts no less memory than the kept events take, and not twice as much", () => {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  const history = createMemoryHistory({ seconds: 60, events: 100_000, bytes: 1e9 });
  history.follow({ accountId: "a", instanceId: "x" }, () => {});
  const memory = () => {
    collect();
    // The second collection waits until the memory that the first one freed was given back.
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = memory();
  const slot = { cuts: [{ start: 1, end: 2 }], inlineBytes: 0, insertAt: 1, hasOthers: true };
  for (let n = 0; n < 10_000; n++) {
    const id = { word0: n + 2 ** 30, word1: n, word2: n, word3: n };
    history.take(eventOf("x", n, { id, time: Date.now() + n, data: Buffer.alloc(5_000).subarray(0, 200), slot }));
  }
  const taken = memory() - before;
  expect(taken).toBeLessThan(history.stats.bytes);
  expect(taken).toBeGreaterThan(history.stats.bytes / 2);
});
