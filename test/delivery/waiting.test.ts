/** The budget of what waits for all blocked sockets of a node. */

import { expect, it } from "vitest";
import { entry, fakeHub, settle, upTo } from "../support/fake-hub.js";

const waitingBytesMax = 1_000_000;
const frame = 10_000;

async function publishEach(publish: ReturnType<typeof fakeHub>["publish"], instanceId: string, count: number) {
  for (let i = 0; i < count; i++) {
    publish("label.update", frame, instanceId);
    await settle();
  }
}

it("closes the socket for which the most waits, with 4008, and no other", async () => {
  const { closed, open, publish } = fakeHub({ waitingBytesMax });
  for (const id of ["small", "large", "middle"]) open(0, entry(id));
  await publishEach(publish, "small", 20);
  await publishEach(publish, "large", 50);
  await publishEach(publish, "middle", 25);
  expect(closed).toEqual([]);
  await publishEach(publish, "small", 10);
  const sockets = [open(0, entry("large")), open(0, entry("late"))];
  await publishEach(publish, "late", 30);
  expect(sockets.map(({ ended, wasCut }) => [ended, wasCut])).toEqual([
    [undefined, false],
    [undefined, false],
  ]);
});

it("gives the memory back, so that a healthy neighbour and the smaller ones go on", async () => {
  const { hub, open, publish, numbers } = fakeHub({ waitingBytesMax });
  const [quick, slow] = [open(Number.POSITIVE_INFINITY, entry("a")), open(0, entry("a"))];
  const small = open(0, entry("b"));
  publish("label.update", 100, "b");
  await publishEach(publish, "a", 150);
  expect(hub.stats.closes).toEqual(new Map([[4008, 1]]));
  expect(numbers(quick)).toHaveLength(150);
  small.drain(Number.POSITIVE_INFINITY);
  slow.drain(Number.POSITIVE_INFINITY);
  await settle();
  expect([small.ended, slow.ended?.code]).toEqual([undefined, 4008]);
  expect(numbers(small)).toEqual([1]);
  open(0, entry("c"));
  await publishEach(publish, "c", 90);
  expect(hub.stats.closes.get(4008)).toBe(1);
});

it("counts a frame once that waits for many", async () => {
  const { hub, open, publish } = fakeHub({ waitingBytesMax });
  for (let i = 0; i < 10; i++) open(0);
  await publishEach(publish, "1", 80);
  expect(hub.stats.closes.size).toBe(0);
  await publishEach(publish, "1", 20);
  expect(hub.stats.closes).toEqual(new Map([[4008, 10]]));
});

it("asks nothing of sockets that take all they get, however much it is", async () => {
  const { hub, open, publish, numbers } = fakeHub({ waitingBytesMax });
  const sockets = [open(), open()];
  for (let i = 0; i < 500; i++) publish("label.update", 2 * frame);
  await settle();
  for (const socket of sockets) expect(numbers(socket)).toEqual(upTo(500));
  expect(hub.stats.closes.size).toBe(0);
});

it("closes nobody for the bytes of sockets that are closed already", async () => {
  const { hub, open, publish } = fakeHub({ waitingBytesMax });
  for (let i = 0; i < 30; i++) open(0, entry(`giant-${i}`));
  for (let i = 0; i < 30; i++) publish("label.update", 900_000, `giant-${i}`);
  await settle();
  const before = hub.stats.closes.get(4008) ?? 0;
  expect(before).toBeGreaterThan(20);
  open(0, entry("small"));
  await publishEach(publish, "small", 5);
  expect(hub.stats.closes.get(4008)).toBe(before);
});
