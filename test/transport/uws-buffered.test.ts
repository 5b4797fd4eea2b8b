/** What uWebSockets copies for many blocked sockets, and what becomes of their fragmented frames, on a real kernel. */

import { setImmediate as turn } from "node:timers/promises";
import { afterEach, expect, it } from "vitest";
import { fragmentBytes } from "../../src/transport/uws/fragments.js";
import { upTo } from "../support/fake-hub.js";
import { realHub } from "../support/real-hub.js";
import { until } from "../support/until.js";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

const media = 256 * 1024;
const limit = 512 * 1024;
const always = { min: 0, perSocket: 0 };
const sizes: [string, (i: number) => number][] = [
  ["5,000 B", () => 5_000],
  ["20 KiB", () => 20 * 1024],
  ["256 KiB", () => media],
  ["mixed", (i) => [200, media, 3, 70_000, 15_900][i % 5] as number],
];

it("holds the limit, one frame that passes it and a fragment per socket at most, and all get everything", async () => {
  const { buffered, publish, connect, held, published } = await realHub(cleanups, { min: limit, perSocket: 0 });
  const slow = [];
  for (let i = 0; i < 40; i++) slow.push(await connect());
  const quick = await connect();
  for (const { client } of slow) client.pause();
  let most = 0;
  const publishOne = async (): Promise<void> => {
    await publish(() => media);
    most = Math.max(most, held());
  };
  while (slow.some(({ consumer }) => !consumer.blocked)) await publishOne();
  for (let i = 0; i < 100; i++) await publishOne();
  expect(most).toBeGreaterThan(limit / 2);
  expect(most).toBeLessThan(limit + media + 1_000 + slow.length * (fragmentBytes + 4));
  for (const { client } of slow) client.resume();
  for (const reader of [...slow, quick]) {
    await reader.has(published());
    expect(reader.got).toEqual(upTo(published()));
  }
  expect([buffered.bytes, held()]).toEqual([0, 0]);
});

it.each(sizes)("cuts a socket at the 257th waiting frame of %s with 4008, not one sooner or later", async (_, size) => {
  const { hub, buffered, publish, connect, held, published } = await realHub(cleanups, always);
  const [slow, quick] = [await connect(), await connect()];
  slow.client.pause();
  while (!hub.stats.closes.has(4008)) await publish(size);
  expect(buffered.bytes).toBe(held());
  slow.client.resume();
  expect(await slow.closed).toBe(4008);
  expect(buffered.bytes).toBe(0);
  expect(slow.got).toEqual(upTo(slow.got.length));
  // The frame that came too late, and the 256 of which the first may have been inside uWebSockets to its end.
  expect([256, 257]).toContain(published() - slow.got.length);
  await quick.has(published());
  expect(quick.got).toEqual(upTo(published()));
});

it("forgets a socket that is cut in the middle of a frame, and its neighbours get everything", async () => {
  const { hub, buffered, publish, connect, published } = await realHub(cleanups, always);
  const [slow, cut, quick] = [await connect(), await connect(), await connect()];
  for (const { client } of [slow, cut]) client.pause();
  while (!slow.consumer.blocked || !cut.consumer.blocked) await publish(() => media);
  cut.client.terminate();
  await until(() => hub.stats.consumers === 2);
  await publish(() => media, 3);
  slow.client.resume();
  await Promise.all([slow.has(published()), quick.has(published())]);
  expect(slow.got).toEqual(upTo(published()));
  expect(quick.got).toEqual(upTo(published()));
  expect(buffered.bytes).toBe(0);
});

it("tells a reader why it closes also in the middle of a frame", async () => {
  const { hub, buffered, publish, connect, published } = await realHub(cleanups, always);
  const reader = await connect();
  reader.client.pause();
  while (!reader.consumer.blocked) await publish(() => media);
  hub.instanceDeleted("1", { accountId: "a", name: "1", nameTaken: false });
  await turn();
  reader.client.resume();
  expect(await reader.closed).toBe(4004);
  expect(reader.got.length).toBeLessThan(published());
  expect(reader.got).toEqual(upTo(reader.got.length));
  expect(buffered.bytes).toBe(0);
});
