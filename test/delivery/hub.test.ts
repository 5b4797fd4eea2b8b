import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import type { Event } from "../../src/bus/bus.js";
import { shuttingDown } from "../../src/domain/closes.js";
import type { Principal } from "../../src/domain/instance.js";
import { all, entry, fakeHub, principal, settle, upTo } from "../support/fake-hub.js";
import type { FakeSocket } from "../support/fake-socket.js";
import { stamp } from "../support/stamp.js";

describe("the hub", () => {
  it("gives every socket of the instance every event, in order, and nobody else's", async () => {
    const { open, publish, numbers } = fakeHub();
    const [a, b, other] = [open(), open(), open(undefined, entry("2"))];
    for (let i = 0; i < 100; i++) publish();
    await settle();
    publish();
    await settle();
    expect(numbers(a)).toEqual(upTo(101));
    expect(numbers(b)).toEqual(upTo(101));
    expect(other.received).toEqual([]);
  });

  it("builds no frame for an event that no filter takes, and one for any number of sockets", async () => {
    const { hub, open, publish } = fakeHub();
    const narrow = entry("1", { ...all, events: ["call.update"] });
    const sockets = [open(undefined, narrow), open(undefined, narrow)];
    publish("label.update");
    publish("call.update");
    publish("call.update", 0, "nobody");
    await settle();
    expect(hub.stats).toMatchObject({ events: 2, filtered: 1, framesBuilt: 1, framesDelivered: 2 });
    expect(sockets.map((socket) => socket.received.length)).toEqual([1, 1]);
  });

  it("applies a changed filter to the next event, and a disable never widens it", async () => {
    const { hub, open, publish, numbers } = fakeHub();
    const socket = open(undefined, entry("1", { ...all, events: ["call.update"] }));
    publish("label.update");
    hub.instanceChanged(entry("1", { ...all, events: ["label.update"] }));
    publish("label.update");
    hub.instanceChanged(entry("1", { enabled: false, events: [], mediaBase64: false }));
    publish("call.update");
    publish("label.update");
    await settle();
    expect(numbers(socket)).toEqual([2, 4]);
  });

  it("lets go of an instance with its last socket", () => {
    const { bus, hub, open } = fakeHub();
    const event: Event = { ...stamp, instanceId: "1", type: "label.update", data: Buffer.from("{}") };
    const [a, b] = [open(), open()];
    a.onClose();
    a.onClose();
    expect(bus.publish(event)).toBe(true);
    b.onClose();
    expect(bus.publish(event)).toBe(false);
    expect(hub.stats.consumers).toBe(0);
  });
});

describe("a stalled reader", () => {
  it("is cut when it does not drain within the grace", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const { hub, open, publish } = fakeHub();
      const slow = open(0);
      for (let i = 0; i < 257; i++) publish();
      await settle();
      vi.advanceTimersByTime(60_000 - 1);
      expect(slow.wasCut).toBe(false);
      vi.advanceTimersByTime(1);
      expect(slow.wasCut).toBe(true);
      expect(hub.stats.consumers).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it("goes when more bytes wait than the limit", async () => {
    const { hub, open, publish } = fakeHub({ pendingBytesMax: 100_000 });
    open(0);
    for (let i = 0; i < 5; i++) publish("label.update", 20_000);
    await settle();
    expect(hub.stats.closes.get(4008)).toBe(1);
  });
});

describe("closing", () => {
  it("hands over the frames of the turn first, then 4004 for a deleted instance", async () => {
    const { hub, open, publish, numbers } = fakeHub();
    const [socket, other] = [open(), open(undefined, entry("2"))];
    publish();
    hub.instanceDeleted("1", { accountId: "a", name: "1", nameTaken: false });
    await settle();
    expect(numbers(socket)).toEqual([1]);
    expect(socket.ended).toEqual({ code: 4004, reason: "instance deleted" });
    expect(other.ended).toBeUndefined();
  });

  it("closes behind all frames that wait, were they for later turns", async () => {
    const { hub, open, publish, numbers } = fakeHub();
    const socket = open();
    for (let i = 0; i < 150; i++) publish();
    await turn();
    hub.instanceDeleted("1", { accountId: "a", name: "1", nameTaken: false });
    await turn();
    expect(numbers(socket)).toEqual(upTo(150));
    expect(socket.ended?.code).toBe(4004);
  });

  it("closes with 4001 just the sockets that a revoked token opened", async () => {
    const { hub, open } = fakeHub();
    const own: Principal = { kind: "instance", id: "1", accountId: "a", revoked: false };
    const [byAccount, byInstance, elsewhere] = [open(), open(undefined, entry("1"), own), open(undefined, entry("2"))];
    hub.principalRevoked(own);
    await settle();
    expect(byInstance.ended).toEqual({ code: 4001, reason: "token revoked" });
    expect([byAccount.ended, elsewhere.ended]).toEqual([undefined, undefined]);
    hub.principalRevoked(principal);
    await settle();
    expect([byAccount.ended?.code, elsewhere.ended?.code]).toEqual([4001, 4001]);
  });

  it("ends every socket at shutdown and waits for the blocked ones", async () => {
    const { hub, open, publish } = fakeHub();
    const [healthy, blocked] = [open(), open(10)];
    publish();
    await settle();
    const closed = hub.close(shuttingDown, 0);
    await vi.waitUntil(() => healthy.ended !== undefined);
    expect(healthy.ended?.code).toBe(1001);
    expect(blocked.ended).toBeUndefined();
    blocked.drain(Number.POSITIVE_INFINITY);
    await closed;
    expect(blocked.ended?.code).toBe(1001);
    await hub.close(shuttingDown, 0);
  });

  it("lets go of sockets over the time it has, whichever their instance, and the others get their events", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    try {
      const { hub, open, publish } = fakeHub();
      const sockets = Array.from({ length: 100 }, (_, i) => open(undefined, entry(i < 50 ? "1" : "2")));
      const stillOpen = (among: FakeSocket[]) => among.filter((socket) => socket.ended === undefined);
      const first = sockets.slice(0, 50);
      const closed = hub.close(shuttingDown, 5_000);
      for (let tenths = 1; tenths <= 50; tenths++) {
        publish();
        await settle();
        for (const socket of stillOpen(first)) expect(socket.received).toHaveLength(tenths);
        await vi.advanceTimersByTimeAsync(100);
        await settle();
        const left = stillOpen(sockets).length;
        expect(Math.abs(left - (100 - 2 * tenths)), `after ${tenths}00 ms`).toBeLessThanOrEqual(3);
        if (tenths === 25) expect(Math.abs(stillOpen(first).length - 25)).toBeLessThan(20);
      }
      await vi.advanceTimersByTimeAsync(100);
      await closed;
      expect(stillOpen(sockets)).toEqual([]);
      expect(hub.stats).toMatchObject({ consumers: 0, closes: new Map([[1001, 100]]) });
    } finally {
      vi.useRealTimers();
    }
  });

  it("does not wait when the sockets leave by themselves", async () => {
    const { hub, open } = fakeHub();
    const sockets = Array.from({ length: 100 }, () => open());
    const closed = hub.close(shuttingDown, 300_000);
    for (const socket of sockets) socket.close();
    await closed;
    expect(hub.stats.closes.size).toBe(0);
  });
});
