/** What a scope hands over of events that come from the journal before the bus brings them. */

import { expect, it, onTestFinished, vi } from "vitest";
import type { Event } from "../../src/bus/bus.js";
import { createIdMint } from "../../src/domain/event-id.js";
import { FollowedScope } from "../../src/history/followed-scope.js";

const of = { accountId: "a", instanceId: "1" };
const mint = createIdMint();

function event(time: number): Event {
  return { id: mint(time), time, ...of, type: "call.update", data: Buffer.from("{}") };
}

function scope(mayHaveConsumers: boolean) {
  const handed: Event[] = [];
  const followed = new FollowedScope(of, (one) => void handed.push(one));
  Object.assign(followed, { isKnown: true, mayHaveConsumers });
  return { followed, handed };
}

it.each([true, false])(
  "an event that is given up does not come with its late copy of the bus, consumers: %s",
  (has) => {
    const { followed, handed } = scope(has);
    const now = Date.now();
    const [old, late, next] = [event(now - 60_000), event(now - 100), event(now)];
    for (const [sequence, one] of [old, late].entries()) followed.fed({ sequence, event: one, position: "" }, false);
    expect(followed.awaitsBus).toBe(has);
    expect(followed.giveUp()).toBe(has ? late.time : undefined);
    expect([followed.awaitsBus, followed.giveUp()]).toEqual([false, undefined]);
    followed.fed({ sequence: 2, event: next, position: "" }, true);
    for (const one of [old, late, next]) followed.heard(one, true);
    expect(handed).toEqual([next]);
  },
);

it("an event that the bus brings in time is handed over, and nothing is given up", () => {
  const { followed, handed } = scope(true);
  const one = event(Date.now());
  followed.fed({ sequence: 1, event: one, position: "" }, false);
  followed.heard(one, false);
  expect(handed).toEqual([one]);
  expect([followed.awaitsBus, followed.giveUp()]).toEqual([false, undefined]);
});

it("an event that the journal brought before the scope was followed does not come with its late copy of the bus", () => {
  const { followed, handed } = scope(true);
  const [before, next] = [event(Date.now()), event(Date.now())];
  followed.passed(before);
  for (const one of [before, next]) followed.heard(one, false);
  expect(handed).toEqual([next]);
});

it("an event does not come again when the bus brings its copy twelve seconds after the journal", () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  onTestFinished(() => void vi.useRealTimers());
  const { followed, handed } = scope(true);
  const events = [0, 1, 2].map((n) => event(Date.now() + n));
  for (const [sequence, one] of events.entries()) {
    followed.fed({ sequence, event: one, position: "" }, true);
    vi.advanceTimersByTime(6_000);
  }
  for (const one of events) followed.heard(one, false);
  expect(handed).toEqual(events);
});
