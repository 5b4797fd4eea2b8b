/** What leaves a node, and when it asks NATS who listens, on a link that the test holds in its hands. */

import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { Event } from "../../src/bus/bus.js";
import { decodeEvent } from "../../src/bus/event-codec.js";
import { emptyBusStats } from "../../src/bus/memory-bus.js";
import type { NatsLink, OnMessage } from "../../src/bus/nats-link.js";
import { createOutbox } from "../../src/bus/nats-outbox.js";
import { eventOf } from "../support/bus-suite.js";

/** A link that the test answers for. Somebody listens to each instance but `unwanted`, and nobody to an account unless `limits` says so. */
function fakeLink(onConfirm: () => void = () => {}) {
  const sent: { subject: string; bytes: Uint8Array }[] = [];
  const listeners = new Map<string, OnMessage>();
  const limits = { takes: 1024, accountsHeard: false };
  const link: NatsLink = {
    connected: true,
    connectedAt: 0,
    payloadMax: 1024,
    publish(subject, bytes, reply) {
      if (bytes.length > limits.takes) return false;
      sent.push({ subject, bytes });
      const unheard = subject === "unwanted" || (subject.startsWith("account.") && !limits.accountsHeard);
      if (reply !== undefined && unheard) {
        const [answers] = [...listeners].find(([known]) => known.startsWith("inbox.")) as [string, OnMessage];
        listeners.get(answers)?.({ subject: reply, data: Buffer.alloc(0) }, true);
      }
      return true;
    },
    subscribe(subject, onMessage) {
      listeners.set(subject, onMessage);
      return () => {};
    },
    async confirm() {
      onConfirm();
      return true;
    },
    close: () => Promise.resolve(),
  };
  return {
    link,
    sent,
    limits,
    tell: (subject: string, data: Uint8Array) => listeners.get(subject)?.({ subject, data }, false),
  };
}

describe("an outbox", () => {
  const missed: [instanceId: string, certain: boolean][] = [];
  const gaps = {
    note: (event: Event, certain: boolean) => void missed.push([event.instanceId, certain]),
    tell: () => Promise.resolve(),
  };
  const names = { subjectOf: (name: string) => name, origin: "near", mayBeWanted: () => true, gaps };

  it("says of an event that the server no longer takes that it has not reached anybody, and goes on", async () => {
    const { link, limits } = fakeLink();
    const stats = emptyBusStats();
    const outbox = createOutbox({ link, ...names, stats });
    const event = eventOf("instance", 1, { data: Buffer.from(`{"text":"${"x".repeat(500)}"}`) });
    outbox.check(event);
    outbox.add(event);
    limits.takes = 100;
    expect(await outbox.flush()).toBe(false);
    outbox.add(eventOf("instance", 2));
    await outbox.flush();
    outbox.add(eventOf("instance", 3));
    expect(await outbox.flush()).toBe(true);
    expect(stats).toMatchObject({ sent: 2, unreached: 1 });
    expect(missed).toEqual([["instance", true]]);
  });

  it("does not take the answer of a new connection for events that it sent over the one before", async () => {
    const fake = fakeLink();
    const link = { ...fake.link, connectedAt: 1 };
    const stats = emptyBusStats();
    const outbox = createOutbox({ link, ...names, stats });
    outbox.add(eventOf("instance", 1));
    expect(await outbox.flush()).toBe(true);
    missed.length = 0;
    outbox.add(eventOf("instance", 2));
    // The connection was lost and is back, before anybody asked whether the event has reached NATS.
    link.connectedAt = 2;
    expect(await outbox.flush()).toBe(false);
    expect(missed).toEqual([["instance", false]]);
    outbox.add(eventOf("instance", 3));
    expect(await outbox.flush()).toBe(true);
    expect(stats).toMatchObject({ sent: 3, unreached: 1 });
  });

  it("sends an event to the account too when the news of a listener crosses it", async () => {
    let confirmations = 0;
    const { link, sent, tell } = fakeLink(() => {
      confirmations++;
      // The events were sent to their instance by now, and are not confirmed yet.
      if (confirmations === 3) for (const _ of [1, 2]) tell("listening", Buffer.from("a"));
    });
    const stats = emptyBusStats();
    const outbox = createOutbox({ link, ...names, stats });
    outbox.add(eventOf("instance", 1));
    expect(await outbox.flush()).toBe(true);
    outbox.add(eventOf("instance", 2));
    outbox.add(eventOf("instance", 3));
    outbox.add(eventOf("other", 4, { accountId: "another" }));
    expect(await outbox.flush()).toBe(true);
    outbox.add(eventOf("instance", 5));
    const events = sent.filter(({ bytes, subject }) => bytes.length > 0 && subject !== "other");
    const told = events.map(({ subject, bytes }) => {
      const { sequence } = decodeEvent({ accountId: "a", instanceId: "instance" }, bytes);
      return `${subject} ${sequence}`;
    });
    expect(told).toEqual([
      ...["instance 1", "instance 2", "instance 3", "account.a 2", "account.a 3"],
      ...["instance 4", "account.a 4"],
    ]);
    // The copies were confirmed as well.
    expect(confirmations).toBe(5);
    expect(stats).toMatchObject({ sent: 5, unreached: 0 });
  });

  it("asks NATS about an account in time, before the news of its listener gets old", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    onTestFinished(() => void vi.useRealTimers());
    const { link, sent, tell, limits } = fakeLink(() => vi.advanceTimersByTime(200));
    limits.accountsHeard = true;
    const outbox = createOutbox({ link, ...names, stats: emptyBusStats() });
    tell("listening", Buffer.from("a"));
    // The news is believed for ten seconds, and the answers come after that.
    vi.advanceTimersByTime(9_900);
    outbox.add(eventOf("instance", 1));
    await outbox.flush();
    const events = sent.filter(({ bytes }) => bytes.length > 0).map(({ subject }) => subject);
    expect(events).toEqual(["instance", "account.a"]);
  });

  it("asks about an account once for all of its instances, and not while it believes the answers", async () => {
    const { link, sent } = fakeLink();
    const outbox = createOutbox({ link, ...names, stats: emptyBusStats() });
    for (let n = 0; n < 3; n++) {
      for (const instance of ["one", "two", "unwanted"]) outbox.add(eventOf(instance, n));
      await outbox.flush();
    }
    const questions = sent.filter(({ bytes }) => bytes.length === 0).map(({ subject }) => subject);
    expect(questions).toEqual(["one", "two", "unwanted", "account.a", "unwanted", "unwanted"]);
    expect(sent.length - questions.length).toBe(6);
  });
});
