/** The history of a node that runs alone. */

import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { Event } from "../../src/bus/bus.js";
import type { Following, History, HistoryScope } from "../../src/history/history.js";
import type { HistoryLimits } from "../../src/history/history-log.js";
import { createMemoryHistory } from "../../src/history/memory-history.js";
import { eventOf } from "../support/bus-suite.js";

const ofX: HistoryScope = { accountId: "a", instanceId: "x" };
const ofY: HistoryScope = { accountId: "a", instanceId: "y" };
const ofAccount: HistoryScope = { accountId: "a", instanceId: "" };

function open(limits: Partial<HistoryLimits> = {}): History {
  const history = createMemoryHistory({ seconds: 60, events: 1_024, bytes: 1_000_000, ...limits });
  onTestFinished(() => history.close());
  return history;
}

interface Follower {
  readonly following: Following;
  readonly got: { n: number; position: string | undefined }[];
}

function follow(history: History, scope: HistoryScope): Follower {
  const got: Follower["got"] = [];
  const following = history.follow(scope, (event, position) => got.push({ n: numberOf(event), position }));
  return { following, got };
}

function numberOf({ data }: Event): number {
  return JSON.parse(Buffer.from(data).toString()).n;
}

/** The events after a position, or why there are none. */
function resumed({ following }: Follower, position: string | undefined): number[] | string {
  const resume = following.resume(position ?? "");
  if ("refusal" in resume) return resume.refusal;
  return (following.after(resume.after, 1_000) ?? []).map(({ event }) => numberOf(event));
}

describe("the history in memory", () => {
  it("gives each event of a scope to its follower, with a position after which one can go on", () => {
    const history = open();
    const [x, account] = [follow(history, ofX), follow(history, ofAccount)];
    const before = x.following.position;
    for (const [n, instance] of ["x", "y", "x"].entries()) history.take(eventOf(instance, n));
    expect(x.got.map(({ n }) => n)).toEqual([0, 2]);
    expect(account.got.map(({ n }) => n)).toEqual([0, 1, 2]);
    expect(account.got[2]).toEqual(x.got[1]);
    expect(x.following.position).toBe(x.got[1]?.position);
    expect(resumed(x, before)).toEqual([0, 2]);
    expect(resumed(x, x.got[0]?.position)).toEqual([2]);
    expect(resumed(account, x.got[0]?.position)).toEqual([1, 2]);
    expect(resumed(x, x.got[1]?.position)).toEqual([]);
  });

  it("keeps nothing of an instance that nobody follows", () => {
    const history = open();
    follow(history, ofX);
    history.take(eventOf("y", 1));
    expect(history.stats).toMatchObject({ events: 0, bytes: 0 });
  });

  it("keeps the events for some time after the last follower left, and none after that", () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const history = open({ seconds: 10 });
    const first = follow(history, ofX);
    const position = first.following.position;
    first.following.stop();
    history.take(eventOf("x", 1));
    vi.advanceTimersByTime(9_999);
    const second = follow(history, ofX);
    expect(resumed(second, position)).toEqual([1]);
    second.following.stop();
    vi.advanceTimersByTime(10_001);
    history.take(eventOf("x", 2));
    expect(history.stats.events).toBe(0);
    // No event has a number between the two times, but some may have been missed.
    expect(resumed(follow(history, ofX), second.following.position)).toBe("expired");
  });

  it("refuses a position of another process, a forged one and a text that is none", () => {
    const [history, other] = [open(), open()];
    const [x, elsewhere] = [follow(history, ofX), follow(other, ofX)];
    expect(resumed(x, elsewhere.following.position)).toBe("another_history");
    const [epoch = "", sequence = "", time = ""] = x.following.position?.split(".") ?? [];
    expect(resumed(x, `${epoch}.${Number(sequence) + 1}.${time}`)).toBe("another_history");
    for (const text of ["", "1", `${epoch}.-1.${time}`, `${epoch}.1e3.${time}`, `${epoch}.${sequence}`, "x".repeat(64)])
      expect(resumed(x, text)).toBe("malformed");
  });

  it("says from which time on events may be missing after a refused position", () => {
    const history = open({ events: 1 });
    const x = follow(history, ofX);
    history.take(eventOf("x", 1, { time: 1_234_567 }));
    history.take(eventOf("x", 2));
    history.take(eventOf("x", 3));
    expect(x.following.resume(x.got[0]?.position ?? "")).toEqual({ refusal: "expired", from: 1_234_567 });
    expect(x.following.resume("nonsense")).toEqual({ refusal: "malformed", from: 0 });
  });

  it("gives the follower of an instance no event of another one, whatever position it presents", () => {
    const history = open();
    const [x, y] = [follow(history, ofX), follow(history, { accountId: "b", instanceId: "y" })];
    const position = y.following.position;
    for (let n = 0; n < 6; n++)
      history.take(eventOf(n % 2 === 0 ? "x" : "y", n, { accountId: n % 2 === 0 ? "a" : "b" }));
    expect(resumed(x, y.got[0]?.position)).toEqual([2, 4]);
    expect(resumed(x, position)).toEqual([0, 2, 4]);
  });

  it("copies an event out of the buffer that it shares with others", () => {
    const history = open();
    const { following } = follow(history, ofY);
    const shared = Buffer.from(`{"n":1}${" ".repeat(100_000)}`);
    history.take(eventOf("y", 1, { data: shared.subarray(0, 7) }));
    shared.fill(0);
    const [kept] =
      following.after((following.resume(following.position ?? "") as { after: number }).after - 1, 1) ?? [];
    expect(kept && numberOf(kept.event)).toBe(1);
    expect(kept?.event.data.buffer.byteLength).toBe(7);
    expect(history.stats.bytes).toBeLessThan(2_000);
  });

  it("stays within its bytes under a flood of large events", () => {
    const bytes = 16 * 1024 * 1024;
    const history = open({ bytes });
    history.follow(ofX, () => {});
    const data = Buffer.alloc(1024 * 1024, 0x20);
    for (let n = 0; n < 200; n++) {
      history.take(eventOf("x", n, { data: data.subarray(1) }));
      expect(history.stats.bytes).toBeLessThanOrEqual(bytes);
    }
    expect(history.stats.events).toBe(15);
    expect(history.stats.dropped.bytes).toBe(185);
  });

  it("refuses a second follower of the same scope", () => {
    const history = open();
    follow(history, ofX);
    expect(() => follow(history, ofX)).toThrow("follows");
  });
});
