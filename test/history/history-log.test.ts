/** The log of kept events: its limits, and from which sequence number on it misses nothing. */

import { describe, expect, it } from "vitest";
import type { HistoryScope } from "../../src/history/history.js";
import { type HistoryLimits, HistoryLog } from "../../src/history/history-log.js";
import { eventOf } from "../support/bus-suite.js";
import { Random } from "../support/random.js";

const account: HistoryScope = { accountId: "a", instanceId: "" };
const [x, y]: HistoryScope[] = ["x", "y"].map((instanceId) => ({ accountId: "a", instanceId })) as [
  HistoryScope,
  HistoryScope,
];

function createLog(limits: Partial<HistoryLimits> = {}) {
  const log = new HistoryLog({ seconds: 60, events: 100, bytes: 1_000_000, ...limits });
  return {
    log,
    append(sequence: number, of: HistoryScope, { bytes = 10, at = 0 } = {}) {
      log.append({ sequence, event: eventOf(of.instanceId, sequence), position: `e.${sequence}.0` }, of, bytes, at);
    },
    read: (scope: HistoryScope, sequence: number, max = 1_000) =>
      log.after(scope, sequence, max)?.map((kept) => kept.sequence),
  };
}

describe("the log of the history", () => {
  it("returns the events of a scope after a sequence number, the oldest first and no more than asked for", () => {
    const { log, append, read } = createLog();
    log.begin(account, 0);
    for (const [sequence, of] of [x, y, x, y, x].entries()) append(sequence + 1, of);
    expect(read(x, 0)).toEqual([1, 3, 5]);
    expect(read(x, 1, 1)).toEqual([3]);
    expect(read(account, 2)).toEqual([3, 4, 5]);
    expect(read(account, 5)).toEqual([]);
    expect(log.last(y)?.sequence).toBe(4);
  });

  it("knows nothing of a time before anybody asked for the events of a scope", () => {
    const { log, append, read } = createLog();
    append(1, x);
    expect(read(x, 0)).toBeUndefined();
    log.begin(x, 1);
    append(2, x);
    expect(read(x, 0)).toBeUndefined();
    expect(read(x, 1)).toEqual([2]);
    expect(read(account, 1)).toBeUndefined();
  });

  it("keeps so many events of each instance, so that a busy one shortens its account and no other instance", () => {
    const { log, append, read } = createLog({ events: 3 });
    log.begin(account, 0);
    append(1, y);
    for (let sequence = 2; sequence <= 6; sequence++) append(sequence, x);
    expect([read(x, 2), read(x, 3)]).toEqual([undefined, [4, 5, 6]]);
    expect([read(account, 2), read(account, 3)]).toEqual([undefined, [4, 5, 6]]);
    expect(read(y, 0)).toEqual([1]);
    expect(log.stats).toMatchObject({ events: 4, bytes: 40, dropped: { events: 2 } });
  });

  it("drops the oldest events of all when their bytes are too many", () => {
    const { log, append, read } = createLog({ bytes: 30 });
    log.begin(x, 0);
    log.begin(y, 0);
    append(1, x);
    append(2, y);
    append(3, y);
    append(4, y, { bytes: 20 });
    expect([read(x, 0), read(x, 1)]).toEqual([undefined, []]);
    expect([read(y, 1), read(y, 2)]).toEqual([undefined, [3, 4]]);
    expect(log.stats).toMatchObject({ events: 2, bytes: 30, dropped: { bytes: 2 } });
  });

  it("does not keep an event that is larger than all of the room, and says that it is missing", () => {
    const { log, append, read } = createLog({ bytes: 30 });
    log.begin(account, 0);
    append(1, x);
    append(2, y);
    append(3, x, { bytes: 31 });
    append(4, x);
    expect([read(x, 2), read(x, 3)]).toEqual([undefined, [4]]);
    expect([read(account, 2), read(account, 3)]).toEqual([undefined, [4]]);
    expect(read(y, 0)).toEqual([2]);
  });

  it("drops events that are too old", () => {
    const { log, append, read } = createLog({ seconds: 10 });
    log.begin(x, 0);
    append(1, x, { at: 0 });
    append(2, x, { at: 5_000 });
    log.expire(10_000);
    expect(read(x, 0)).toEqual([1, 2]);
    log.expire(10_001);
    expect([read(x, 0), read(x, 1)]).toEqual([undefined, [2]]);
    expect(log.stats.dropped.seconds).toBe(1);
  });

  it("goes on for an instance when its account is not followed any more", () => {
    const { log, append, read } = createLog();
    log.begin(account, 0);
    append(1, x);
    append(2, y);
    log.begin(x, 2);
    log.end(account);
    append(3, x);
    expect(read(x, 0)).toEqual([1, 3]);
    expect(read(y, 2)).toBeUndefined();
    expect(log.stats.events).toBe(2);
    log.end(x);
    expect(log.stats).toMatchObject({ events: 0, bytes: 0 });
  });

  it("remembers for an instance without events that its account has dropped some", () => {
    const { log, append, read } = createLog({ seconds: 10 });
    log.begin(account, 0);
    append(1, x);
    log.expire(20_000);
    expect([read(x, 0), read(x, 1)]).toEqual([undefined, []]);
    append(2, x, { at: 20_000 });
    expect([read(x, 0), read(x, 1)]).toEqual([undefined, [2]]);
  });

  it("returns all events after a sequence number or none, whatever happened to the log", () => {
    const random = new Random(16);
    let resumes = 0;
    for (let round = 0; round < 60; round++) {
      const { log, append, read } = createLog({ events: 8, bytes: 150, seconds: 10 });
      const appended: { sequence: number; of: HistoryScope }[] = [];
      const begun = new Map<HistoryScope, number>();
      let sequence = 0;
      for (let step = 0; step < 120; step++) {
        const scope = [account, x, y][random.below(3)] as HistoryScope;
        const action = random.below(12);
        if (action === 0 && !begun.has(scope)) {
          log.begin(scope, ++sequence);
          begun.set(scope, sequence);
        } else if (action === 1) {
          log.end(scope);
          begun.delete(scope);
        } else if (action === 2) log.expire(step * 1_000);
        else if (scope !== account && (begun.has(scope) || begun.has(account))) {
          append(++sequence, scope, { bytes: 5 + random.below(30), at: step * 1_000 });
          appended.push({ sequence, of: scope });
        }
        for (const [asked, since] of begun) {
          const from = since + random.below(sequence - since + 1);
          const all = appended.filter((one) => one.sequence > from && (asked === account || one.of === asked));
          const got = read(asked, from);
          if (got === undefined) continue;
          expect(got).toEqual(all.map((one) => one.sequence));
          if (got.length > 0) resumes++;
        }
        expect(log.stats.bytes).toBeLessThanOrEqual(150);
      }
    }
    expect(resumes).toBeGreaterThan(500);
  });
});
