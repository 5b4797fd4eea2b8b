/** The bus over NATS, on a real server: what every bus promises, interest, limits, and what it does while NATS is away. */

import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { Bus, Event } from "../../src/bus/bus.js";
import { openNatsBus } from "../../src/bus/nats-bus.js";
import { collector, describeBus, eventOf, newInstance, numbers, subscribed } from "../support/bus-suite.js";
import { type NatsServer, startNatsServer } from "../support/nats-server.js";
import { lacks } from "../support/requirements.js";
import { stamp } from "../support/stamp.js";
import { until } from "../support/until.js";

let nats: NatsServer;
const log: Record<string, unknown>[] = [];
const logger = pino({ level: "debug" }, { write: (line: string) => void log.push(JSON.parse(line)) });

function open(mayBeWanted: (event: Event) => boolean = () => true): Promise<Bus> {
  return openNatsBus({ nats: { way: { servers: [nats.url] }, subjectPrefix: "test" }, mayBeWanted, logger });
}

async function two(): Promise<[Bus, Bus]> {
  const buses: [Bus, Bus] = [await open(), await open()];
  onTestFinished(async () => {
    await Promise.all(buses.map((bus) => bus.close()));
  });
  return buses;
}

describe.skipIf(await lacks("nats-server"))("over NATS", () => {
  beforeAll(async () => {
    nats = await startNatsServer();
  });
  afterAll(() => nats.close());

  describeBus("over NATS", { open: (count) => Promise.all(Array.from({ length: count }, () => open())) }, 3);

  describe("interest", () => {
    it("keeps an event that nobody wants: it is neither encoded nor sent", async () => {
      const [near, far] = await two();
      const instance = newInstance();
      await subscribed(near, instance, () => {});
      for (let n = 0; n < 100; n++) near.publish(eventOf(instance, n));
      expect(await near.flush()).toBe(true);
      expect(near.stats).toMatchObject({ sent: 0, unwanted: 100, unreached: 0 });
      expect(far.stats.received).toBe(0);
    });

    it("keeps what the stored filter refuses, without asking anybody", async () => {
      const near = await open(({ type }) => type !== "call.update");
      onTestFinished(() => near.close());
      near.publish(eventOf(newInstance(), 1, { type: "call.update" }));
      expect(near.flush()).toBeUndefined();
      expect(near.stats).toMatchObject({ sent: 0, unwanted: 1 });
    });

    it("sees it begin and end", async () => {
      const [near, far] = await two();
      const instance = newInstance();
      const ear = collector();
      near.publish(eventOf(instance, 1));
      await near.flush();
      const stop = await subscribed(far, instance, ear.handler);
      near.publish(eventOf(instance, 2));
      await near.flush();
      expect(numbers(await ear.have(1))).toEqual([2]);
      stop();
      // For some seconds it may still be believed to listen; then nobody is.
      await until(async () => {
        near.publish(eventOf(instance, 3));
        await near.flush();
        return near.stats.unwanted > 1;
      });
    });
  });

  describe("limits", () => {
    it("refuses what the server would not carry, with its limit, and gives it to nobody", async () => {
      const [near] = await two();
      const instance = newInstance();
      const ear = collector();
      await subscribed(near, instance, ear.handler);
      const tooLarge = eventOf(instance, 1, { data: Buffer.alloc(33_554_432, 0x20) });
      expect(() => near.publish(tooLarge)).toThrow(
        "Event too large for the event bus, which carries at most 33554432 bytes",
      );
      expect(ear.events).toEqual([]);
    });

    it("carries what is just as large as it may be", async () => {
      const [near, far] = await two();
      const instance = newInstance();
      const ear = collector();
      await subscribed(far, instance, ear.handler);
      const media = Buffer.alloc(33_554_432 - 1_000, 7);
      const slot = { cuts: [], inlineBytes: 0, insertAt: 1, hasOthers: false };
      near.publish({ ...stamp, instanceId: instance, type: "message.exchange", data: Buffer.from("{}"), slot, media });
      expect(await near.flush()).toBe(true);
      const [event] = (await ear.have(1)) as [Event];
      expect(media.equals(event.media as Uint8Array)).toBe(true);
    });
  });

  it("is not disturbed by what is no event", async () => {
    const [near, far] = await two();
    const instance = newInstance();
    const ear = collector();
    await subscribed(far, instance, ear.handler);
    const { connect } = await import("@nats-io/transport-node");
    const stranger = await connect({ servers: nats.url });
    stranger.publish(`test.${instance}`, "no event");
    await stranger.drain();
    near.publish(eventOf(instance, 1));
    await near.flush();
    expect(numbers(await ear.have(1))).toEqual([1]);
    expect(far.stats.missed).toBe(1);
  });

  it("hands out no event that comes late by another connection, its own or another node's", async () => {
    const [near, far] = await two();
    const instance = newInstance();
    const ears = [collector(), collector()] as const;
    await subscribed(near, instance, ears[0].handler);
    await subscribed(far, instance, ears[1].handler);
    const { connect } = await import("@nats-io/transport-node");
    const mirror = await connect({ servers: nats.url, noEcho: true });
    onTestFinished(() => mirror.close());
    const mirrored = mirror.subscribe(`test.${instance}`);
    await mirror.flush();
    near.publish(eventOf(instance, 1));
    await near.flush();
    for await (const { subject, data } of mirrored) {
      if (data.length === 0) continue;
      mirror.publish(subject, data);
      break;
    }
    await mirror.flush();
    far.publish(eventOf(instance, 2));
    await far.flush();
    expect(numbers(await ears[0].have(2))).toEqual([1, 2]);
    near.publish(eventOf(instance, 3));
    await near.flush();
    expect(numbers(await ears[1].have(3))).toEqual([1, 2, 3]);
    expect(far.stats.missed).toBe(0);
  });

  describe("while NATS is away", () => {
    it.each(["killed", "frozen"])(
      "%s: goes on alone and says so; everything is back without a restart",
      async (how) => {
        const [near, far] = await two();
        const instance = newInstance();
        const [here, there] = [collector(), collector()];
        await subscribed(near, instance, here.handler);
        await subscribed(far, instance, there.handler);
        near.publish(eventOf(instance, 1));
        expect(await near.flush()).toBe(true);
        await there.have(1);

        const lostAt = Date.now();
        if (how === "killed") await nats.kill();
        else await nats.freeze();
        near.publish(eventOf(instance, 2));
        expect(await near.flush()).toBe(false);
        expect(near.trouble()).toBe("unreachable");
        expect(numbers(here.events)).toEqual([1, 2]);
        expect(near.stats.unreached).toBeGreaterThan(0);
        // A subscription can be made all the same, and is in force for this node.
        const late = newInstance();
        const lateEar = collector();
        await subscribed(far, late, lateEar.handler);

        if (how === "killed") await nats.start();
        else nats.thaw();
        await until(() => near.trouble() === undefined && far.trouble() === undefined);
        near.publish(eventOf(instance, 3));
        near.publish(eventOf(late, 4));
        expect(await near.flush()).toBe(true);
        // A frozen server may still deliver what it was told before.
        await until(() => numbers(there.events).includes(3));
        expect(numbers(await lateEar.have(1))).toEqual([4]);
        for (const { stats } of [near, far]) expect(stats).toMatchObject({ interruptions: 1 });
        const back = log.filter(({ msg }) => msg === "the bus is back").slice(-2);
        for (const { from, until: end } of back) {
          expect(Date.parse(from as string)).toBeLessThanOrEqual(lostAt + 1_000);
          expect(Date.parse(end as string)).toBeGreaterThan(lostAt);
        }
      },
    );

    it("starts without it, and finds it when it comes", async () => {
      await nats.kill();
      const [near, far] = await two();
      expect(near.trouble()).toBe("unreachable");
      const instance = newInstance();
      const ear = collector();
      await subscribed(far, instance, ear.handler);
      near.publish(eventOf(instance, 1));
      expect(await near.flush()).toBe(false);
      await nats.start();
      await until(() => near.trouble() === undefined && far.trouble() === undefined);
      near.publish(eventOf(instance, 2));
      expect(await near.flush()).toBe(true);
      expect(numbers(await ear.have(1))).toEqual([2]);
    });
  });
});
