/** The rule of 256 on real sockets and a real kernel: a hub on a bare uWebSockets.js app, `ws` as the reader. */

import { afterEach, expect, it } from "vitest";
import { upTo } from "../support/fake-hub.js";
import { realHub } from "../support/real-hub.js";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

const sizes: [string, (i: number) => number][] = [
  ["200 B", () => 200],
  ["17 KiB", () => 17 * 1024],
  ["1 MiB", () => 1024 * 1024],
  ["mixed", (i) => [200, 17 * 1024, 3, 70_000, 15_900][i % 5] as number],
];

/** Alone a frame is sent to each socket; many small ones in a turn are broadcast natively. */
const cases = sizes.flatMap(([name, size]) => [1, 30].map((perTurn) => ({ name, size, perTurn })));

it.each(cases)(
  "lets 256 frames of $name wait for a stalled reader, and all arrive when it wakes ($perTurn a turn)",
  async ({ size, perTurn }) => {
    const { publish, connect, published } = await realHub(cleanups);
    const [slow, quick] = [await connect(), await connect()];
    slow.client.pause();
    while (!slow.consumer.blocked) await publish(size, perTurn);
    for (let waiting = 2 * perTurn; waiting + perTurn <= 256; waiting += perTurn) await publish(size, perTurn);
    slow.client.resume();
    await Promise.all([slow.has(published()), quick.has(published())]);
    expect(slow.got).toEqual(upTo(published()));
    expect(quick.got).toEqual(upTo(published()));
  },
);

it.each(cases)(
  "cuts it at the 257th waiting frame of $name with 4008, and its neighbour gets everything ($perTurn a turn)",
  async ({ size, perTurn }) => {
    const { hub, publish, connect, published } = await realHub(cleanups);
    const [slow, quick] = [await connect(), await connect()];
    slow.client.pause();
    while (!hub.stats.closes.has(4008)) await publish(size, perTurn);
    slow.client.resume();
    expect(await slow.closed).toBe(4008);
    expect(slow.got).toEqual(upTo(slow.got.length));
    // 256 waited. Of those, what uWebSockets held (1 to 64 frames) still arrived before the close.
    const lost = published() - slow.got.length;
    expect(lost).toBeLessThan(256 + perTurn);
    expect(lost).toBeGreaterThan(256 - 64);
    await quick.has(published());
    expect(quick.got).toEqual(upTo(published()));
  },
);

it.each([
  ["whole", undefined],
  ["in fragments", { min: 0, perSocket: 0 }],
  ["both ways in turns", { min: 100_000, perSocket: 0 }],
])(
  "loses nothing and never stalls while a socket drains and fills a hundred times, frames %s",
  async (_, copyLimit) => {
    const { buffered, publish, connect, published } = await realHub(cleanups, copyLimit);
    const reader = await connect();
    const mixed = (i: number): number => [17 * 1024, 40, 300_000, 16_384, 15_000][i % 5] as number;
    for (let round = 0; round < 100; round++) {
      reader.client.pause();
      while (!reader.consumer.blocked) await publish(round % 2 === 0 ? mixed : () => 900, 1 + (round % 3) * 8);
      await publish((i) => (i % 2 === 0 ? 17_000 : 100), 75);
      await publish(() => 100, 75);
      reader.client.resume();
      await reader.has(published());
    }
    expect(reader.got).toEqual(upTo(published()));
    expect(buffered.bytes).toBe(0);
  },
);

it("closes behind the frames of the turn, broadcast or not", async () => {
  const { hub, publish, connect, published } = await realHub(cleanups);
  const reader = await connect();
  void publish(() => 100, 50);
  hub.instanceDeleted("1", { accountId: "a", name: "1", nameTaken: false });
  expect(await reader.closed).toBe(4004);
  expect(reader.got).toEqual(upTo(published()));
});
