/** What is kept for the blocked sockets of a group. */

import { expect, it } from "vitest";
import { FrameLog } from "../../src/delivery/frame-log.js";

const frame = (text: string): Buffer => Buffer.from(text);
const texts = (log: FrameLog, place: number): string[] => log.read(place, 100).map(String);

/** Appends as a group does: it needs the frames until every socket was given them. */
function give(log: FrameLog, words: string[], during: () => void = () => {}): void {
  const place = log.end;
  log.enter(place);
  log.append(words.map(frame));
  during();
  log.leave(place);
  log.settle(place);
}

it("keeps nothing when no reader needs it, and places grow all the same", () => {
  const log = new FrameLog();
  give(log, ["a", "b"]);
  expect([log.start, log.end]).toEqual([2, 2]);
  log.enter(2);
  expect(texts(log, 2)).toEqual([]);
  expect(log.bytesFrom(2)).toBe(0);
  give(log, ["ccc"]);
  expect(texts(log, 2)).toEqual(["ccc"]);
  expect(log.bytesFrom(2)).toBe(3);
});

it("keeps a frame while it is given, for a reader that comes to stand before it", () => {
  const log = new FrameLog();
  give(log, ["a"], () => log.enter(0));
  expect(texts(log, 0)).toEqual(["a"]);
});

it("lets go of what only the reader needed that left or went on", () => {
  const log = new FrameLog();
  log.enter(0);
  give(log, ["a", "bb"], () => log.enter(1));
  give(log, ["ccc"]);
  log.leave(0);
  expect(texts(log, 1)).toEqual(["bb", "ccc"]);
  expect(log.start).toBe(1);
  expect(log.bytesFrom(1)).toBe(5);
  log.move(1, 3);
  expect(log.start).toBe(3);
  log.leave(3);
  give(log, ["d"]);
  expect(log.start).toBe(4);
});

it("keeps for many readers what the first of them needs, wherever the others stand", () => {
  const log = new FrameLog();
  for (let i = 0; i < 10; i++) {
    log.enter(i);
    give(log, [`${i}`]);
  }
  for (const i of [3, 0, 1]) log.leave(i);
  expect(texts(log, 2)).toEqual(["2", "3", "4", "5", "6", "7", "8", "9"]);
  log.leave(2);
  expect(log.start).toBe(4);
  expect(texts(log, 4)).toHaveLength(6);
});

it("keeps a frame for later in memory of its own, not in a pool that it shares with strangers", () => {
  const log = new FrameLog();
  log.enter(0);
  give(log, ["a", "bb"]);
  expect(frame("a").buffer.byteLength).toBeGreaterThan(1);
  expect(log.read(0, 2).map(({ buffer }) => buffer.byteLength)).toEqual([1, 2]);
  expect(texts(log, 0)).toEqual(["a", "bb"]);
});
