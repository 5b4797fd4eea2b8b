/** What a scope hands over of events that come from the journal before the bus brings them. */

import { expect, it, onTestFinished, vi } from "vitest";
import type { Event } from "../../src/bus/bus.js";
import { createIdMint, idOfName } from "../../src/domain/event-id.js";
import { FollowedScope, FollowedScopes } from "../../src/history/followed-scope.js";
import type { HistoryGap } from "../../src/history/history.js";
import { TurnGaps } from "../../src/history/turn-gaps.js";

const of = { accountId: "a", instanceId: "1" };
const mint = createIdMint();

function event(time: number, origin?: string, instanceId = "1"): Event {
  return { id: mint(time), time, origin, accountId: "a", instanceId, type: "call.update", data: Buffer.from("{}") };
}

const away = { isThere: false, hasPositions: false };
const back = { isThere: true, hasPositions: false };
const there = { isThere: true, hasPositions: true };
const notCame = () => false;

function kept(sequence: number, event: Event) {
  return { sequence, event, position: `at ${sequence}` };
}

function scope(mayHaveConsumers: boolean) {
  const handed: Event[] = [];
  const positions: (string | undefined)[] = [];
  const followed = new FollowedScope(of, (one, position) => {
    handed.push(one);
    positions.push(position);
  });
  Object.assign(followed, { isKnown: true, mayHaveConsumers });
  return { followed, handed, positions };
}

it.each([true, false])(
  "an event that is given up does not come with its late copy of the bus, consumers: %s",
  (has) => {
    const { followed, handed } = scope(has);
    const now = Date.now();
    const [old, late, next] = [event(now - 60_000), event(now - 100), event(now)];
    for (const [sequence, one] of [old, late].entries()) followed.fed(kept(sequence, one), away, notCame);
    expect(followed.awaitsBus).toBe(has);
    expect(followed.giveUp()).toBe(has ? late.time : undefined);
    expect([followed.awaitsBus, followed.giveUp()]).toEqual([false, undefined]);
    followed.fed(kept(2, next), there, notCame);
    for (const one of [old, late, next]) followed.heard(one, true, notCame);
    expect(handed).toEqual([next]);
  },
);

it("an event that the bus brings in time is handed over, and nothing is given up", () => {
  const { followed, handed } = scope(true);
  const one = event(Date.now());
  followed.fed(kept(1, one), away, notCame);
  followed.heard(one, false, notCame);
  expect(handed).toEqual([one]);
  expect([followed.awaitsBus, followed.giveUp()]).toEqual([false, undefined]);
});

it("an event that the journal brought before the scope was followed does not come with its late copy of the bus", () => {
  const { followed, handed } = scope(true);
  const [before, next] = [event(Date.now()), event(Date.now())];
  followed.passed(before);
  for (const one of [before, next]) followed.heard(one, false, notCame);
  expect(handed).toEqual([next]);
});

it("an event does not come again when the bus brings its copy twelve seconds after the journal", () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  onTestFinished(() => void vi.useRealTimers());
  const { followed, handed } = scope(true);
  const events = [0, 1, 2].map((n) => event(Date.now() + n));
  for (const [sequence, one] of events.entries()) {
    followed.fed(kept(sequence, one), there, notCame);
    vi.advanceTimersByTime(6_000);
  }
  for (const one of events) followed.heard(one, false, notCame);
  expect(handed).toEqual(events);
});

it("while the history comes back, no event has a position before the journal has brought what was handed over without one", () => {
  const { followed, handed, positions } = scope(true);
  const [bare, first, second] = [event(Date.now()), event(Date.now()), event(Date.now())];
  followed.heard(bare, false, notCame);
  followed.awaitJournal();
  expect(followed.awaitsJournal).toBe(true);
  followed.fed(kept(1, first), back, notCame);
  expect(followed.fed(kept(2, bare), back, notCame)).toBeUndefined();
  expect(followed.awaitsJournal).toBe(false);
  followed.fed(kept(3, second), there, notCame);
  expect(handed).toEqual([bare, first, second]);
  expect(positions).toEqual([undefined, undefined, "at 3"]);
});

it("when the journal brings it after positions were given, the event does not come again, and the history breaks", () => {
  const { followed, handed } = scope(true);
  const bare = event(Date.now());
  followed.heard(bare, false, notCame);
  followed.awaitJournal();
  followed.endAwaiting();
  expect(followed.fed(kept(1, bare), there, notCame)).toBe(bare.time);
  expect(handed).toEqual([bare]);
});

it("an event that the journal lacks comes before the next event of its node, and after no later one when the history goes away", () => {
  const { followed, handed, positions } = scope(true);
  const [lacked, other] = [event(Date.now(), "b"), event(Date.now(), "c")];
  const [next, last] = [event(Date.now(), "b"), event(Date.now(), "b")];
  for (const one of [lacked, other, next, last]) followed.heard(one, true, notCame);
  expect(followed.fed(kept(1, other), there, notCame)).toBeUndefined();
  expect(followed.fed(kept(2, next), there, notCame)).toBe(lacked.time);
  followed.release(notCame);
  expect(handed).toEqual([other, lacked, next, last]);
  expect(positions).toEqual(["at 1", undefined, "at 2", undefined]);
});

it("an event that waits for the journal is handed over after a few looks", () => {
  const { followed, handed } = scope(true);
  const one = event(Date.now());
  followed.heard(one, true, notCame);
  expect([followed.overdue(1, notCame), handed]).toEqual([undefined, []]);
  expect([followed.overdue(1, notCame), handed]).toEqual([one.time, [one]]);
});

it("an event that the journal lacks is not handed over when the bus brings it after a later event of its node", () => {
  const { followed, handed } = scope(true);
  const [lacked, other, next] = [event(Date.now(), "b"), event(Date.now(), "c"), event(Date.now(), "b")];
  followed.fed(kept(1, next), there, notCame);
  expect([true, false].map((isThere) => followed.heard(lacked, isThere, notCame))).toEqual(["lacked", "lacked"]);
  expect(followed.heard(lacked, true, () => true)).toBe("dropped");
  expect(followed.heard(other, true, notCame)).toBe("waiting");
  expect(handed).toEqual([next]);
});

it("an event that the journal lacks comes before the next one of its instance, also after an earlier wait of another instance", () => {
  const { followed, handed } = scope(true);
  const [lacked, next] = [event(Date.now(), "b"), event(Date.now(), "b")];
  const other = event(Date.now(), "b", "2");
  for (const one of [other, lacked, next]) followed.heard(one, true, notCame);
  expect(followed.fed(kept(1, next), there, notCame)).toBe(lacked.time);
  expect(handed).toEqual([lacked, next]);
});

it("an event that the journal brings after a later one was handed over is not handed over, and the history breaks", () => {
  const { followed, handed } = scope(true);
  const [early, late] = [event(Date.now(), "b"), event(Date.now(), "b")];
  followed.heard(late, false, notCame);
  expect(followed.fed(kept(1, early), back, notCame)).toBe(early.time);
  expect(handed).toEqual([late]);
});

it("the first consumer gets an event that the bus brought before the consumer was there", () => {
  const { followed, handed } = scope(false);
  const one = event(Date.now());
  followed.heard(one, false, notCame);
  handed.length = 0;
  followed.awaitJournal();
  expect(followed.awaitsJournal).toBe(false);
  expect(followed.fed(kept(1, one), there, notCame)).toBeUndefined();
  expect(handed).toEqual([one]);
});

it("events of a node of release 0.1.0, whose ids have no order, are all handed over", () => {
  const { followed, handed } = scope(true);
  const events = Array.from({ length: 20 }, (_, n) => ({ ...event(n, "old"), id: idOfName(`${n}`) }));
  for (const one of events) followed.heard(one, false, notCame);
  expect(handed).toEqual(events);
});

it("scopes without consumers do not keep the history away from the others", () => {
  const scopes = new FollowedScopes();
  const [ready, fresh] = [new FollowedScope(of, () => {}), new FollowedScope({ ...of, instanceId: "2" }, () => {})];
  Object.assign(ready, { isKnown: true, mayHaveConsumers: true });
  for (const one of [ready, fresh]) scopes.add(one);
  expect(scopes.areKnown).toBe(true);
  fresh.mayHaveConsumers = true;
  expect(scopes.areKnown).toBe(false);
});

it("the events that a scope misses in one turn are told as one gap", async () => {
  const told: HistoryGap[] = [];
  const gaps = new TurnGaps((gap) => told.push(gap));
  const other = { accountId: "a", instanceId: "" };
  const now = Date.now();
  for (let n = 0; n < 1_000; n++) gaps.add(of, now + 60_000 - n);
  gaps.add(other, now - 5);
  await new Promise(setImmediate);
  expect(told).toEqual([
    { reason: "history_interrupted", from: now + 59_001, until: now + 60_000, ...of },
    { reason: "history_interrupted", from: now - 5, until: expect.any(Number), accountId: "a" },
  ]);
  gaps.add(of, now);
  await new Promise(setImmediate);
  expect(told).toHaveLength(3);
});
