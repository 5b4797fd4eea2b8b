/** Who counts as gone, and when. */

import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { fakeHub, settle, upTo } from "../support/fake-hub.js";
import type { FakeSocket } from "../support/fake-socket.js";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] }));
afterEach(() => void vi.useRealTimers());

async function pass(seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    vi.advanceTimersByTime(1_000);
    await turn();
  }
}

/** Seconds until it is cut; `max` when it is not. */
async function life(socket: FakeSocket, max: number): Promise<number> {
  for (let second = 0; second < max; second++) {
    if (socket.wasCut) return second;
    await pass(1);
  }
  return max;
}

/** Its peer is a machine that is gone, as far as nothing is sent that its kernel does not take. */
function kill(socket: FakeSocket): void {
  socket.onPong = () => {};
}

it.each([8, 48, 56])("cuts a peer that answers no ping for %d seconds, and not one that does", async (idleSeconds) => {
  const { hub, open, closed } = fakeHub({ idleSeconds });
  const [dead, alive] = [open(), open()];
  kill(dead);
  const seconds = await life(dead, 100);
  expect(seconds).toBeLessThanOrEqual(idleSeconds + 1);
  expect(seconds).toBeGreaterThanOrEqual(idleSeconds * (11 / 12) - 1);
  expect(dead.pings).toBe(1);
  expect(closed).toHaveLength(1);
  expect(closed[0]).toMatchObject({ code: 1006, reason: "no sign of life", outcome: "cut" });
  expect([...hub.stats.closes]).toEqual([[1006, 1]]);
  await pass(600);
  expect([alive.wasCut, hub.stats.consumers]).toEqual([false, 1]);
  expect(alive.pings).toBeGreaterThan(600 / idleSeconds);
  expect(alive.pings).toBeLessThan((700 / idleSeconds) * 3 + 3);
});

it("spreads the pings of a thousand sockets that came at once", async () => {
  const { open } = fakeHub();
  const sockets = Array.from({ length: 1_000 }, () => open());
  const pings = () => sockets.reduce((sum, socket) => sum + socket.pings, 0);
  let most = 0;
  for (let tenth = 0, before = 0; tenth < 400; tenth++) {
    vi.advanceTimersByTime(100);
    most = Math.max(most, pings() - before);
    before = pings();
    await turn();
  }
  expect(pings()).toBeGreaterThanOrEqual(1_000);
  expect(most).toBeLessThanOrEqual(1_000 / 40);
});

it("has cut a thousand that died at once within the idle timeout", async () => {
  const { hub, open } = fakeHub();
  for (let i = 0; i < 1_000; i++) kill(open());
  await pass(49);
  expect(hub.stats.consumers).toBe(0);
});

it("nudges a blocked kernel, so that a reader goes on before its kernel says so", async () => {
  const { open, publish, numbers } = fakeHub();
  const slow = open(0);
  for (let i = 0; i < 100; i++) publish();
  await settle();
  slow.makeRoom(1e9);
  await pass(5);
  await settle();
  expect(numbers(slow)).toEqual(upTo(100));
});

it("cuts a peer that dies while a little is published for it within a minute", async () => {
  const { open, publish } = fakeHub();
  const dead = open();
  kill(dead);
  const published = setInterval(() => publish("label.update", 400), 1_000);
  expect(await life(dead, 200)).toBeLessThanOrEqual(60);
  clearInterval(published);
});

it("gives a reader a second for every 8 KiB that stand before its ping, up to five minutes in all", async () => {
  const { open, publish } = fakeHub();
  const [slow, slower] = [open(), open()];
  kill(slow);
  for (let i = 0; i < 80; i++) publish("label.update", 10_000);
  await settle();
  const seconds = await life(slow, 400);
  expect(seconds).toBeGreaterThanOrEqual(48 + 800 / 8.2 - 5);
  expect(seconds).toBeLessThanOrEqual(48 + 800 / 8);
  kill(slower);
  for (let i = 0; i < 1_000; i++) publish("label.update", 10_000);
  await settle();
  expect(await life(slower, 400)).toBeGreaterThan(290);
  expect(slower.wasCut).toBe(true);
});

it("does not ping a blocked socket, cuts it when its kernel takes nothing for a minute, and never while it does", async () => {
  const { open, publish } = fakeHub();
  const [frozen, slow] = [open(0), open(0)];
  publish("label.update", 100_000);
  await settle();
  expect(await life(frozen, 50)).toBe(50);
  slow.drain(100);
  const rest = await life(frozen, 20);
  expect(rest).toBeGreaterThan(4);
  expect(rest).toBeLessThanOrEqual(11);
  for (let minutes = 0; minutes < 10; minutes++) {
    slow.drain(100);
    await pass(50);
  }
  expect([slow.wasCut, slow.pings, frozen.pings]).toEqual([false, 0, 0]);
});
