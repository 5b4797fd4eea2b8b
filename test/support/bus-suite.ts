/** What every bus promises, whatever carries its events. */

import { describe, expect, it, onTestFinished } from "vitest";
import type { Bus, Event, EventHandler } from "../../src/bus/bus.js";
import { createIdMint, idText } from "../../src/domain/event-id.js";
import { stamp } from "./stamp.js";

export interface BusSuite {
  /** So many nodes that hear each other. They are closed with the test. */
  open(count: number): Promise<Bus[]>;
}

let lastInstance = 0;

/** An instance of its own for each test, since some share a server. */
export function newInstance(): string {
  return `00000000-0000-4000-8000-${String(++lastInstance).padStart(12, "0")}`;
}

export function eventOf(instanceId: string, n: number, more: Partial<Event> = {}): Event {
  return { ...stamp, instanceId, type: "label.update", data: Buffer.from(JSON.stringify({ n })), ...more };
}

/** Subscribed, and in force. */
export async function subscribed(bus: Bus, instanceId: string, handler: EventHandler): Promise<() => void> {
  const subscription = bus.subscribe({ id: instanceId, accountId: stamp.accountId }, handler);
  await subscription.inForce;
  return subscription.stop;
}

/** Collects what comes, and resolves with it when it is so much. */
export function collector(): { handler: EventHandler; events: Event[]; have(count: number): Promise<Event[]> } {
  const events: Event[] = [];
  let look: () => void = () => {};
  return {
    events,
    handler(event) {
      events.push({ ...event, data: Buffer.from(event.data) });
      look();
    },
    have: (count) =>
      new Promise((resolve) => {
        look = () => {
          if (events.length >= count) resolve(events);
        };
        look();
      }),
  };
}

/** One on each of the buses, and in force. */
export function collectOn(buses: readonly Bus[], instanceId: string) {
  return Promise.all(
    buses.map(async (bus) => {
      const ear = collector();
      await subscribed(bus, instanceId, ear.handler);
      return ear;
    }),
  );
}

export function numbers(events: readonly Event[]): number[] {
  return events.map(({ data }) => JSON.parse(Buffer.from(data).toString()).n);
}

export function describeBus(name: string, { open }: BusSuite, nodes: number): void {
  async function openAll(): Promise<Bus[]> {
    const buses = await open(nodes);
    onTestFinished(async () => {
      await Promise.all(buses.map((bus) => bus.close()));
    });
    return buses;
  }

  describe(`the bus ${name}`, () => {
    it("hands an event to the subscribers of its instance, and to no others", async () => {
      const [publisher, ...others] = (await openAll()) as [Bus, ...Bus[]];
      const [asked, another] = [newInstance(), newInstance()];
      const ears = await Promise.all(
        [publisher, ...others].map(async (bus) => {
          const [right, wrong] = [collector(), collector()];
          await subscribed(bus, asked, right.handler);
          await subscribed(bus, another, wrong.handler);
          return { right, wrong };
        }),
      );
      publisher.publish(eventOf(asked, 1));
      expect(await publisher.flush()).not.toBe(false);
      for (const { right } of ears) expect(numbers(await right.have(1))).toEqual([1]);
      for (const { wrong } of ears) expect(wrong.events).toEqual([]);
    });

    it("keeps the order of a publisher, each event once", async () => {
      const buses = await openAll();
      const publisher = buses[0] as Bus;
      const instance = newInstance();
      const ears = await collectOn(buses, instance);
      const wanted = Array.from({ length: 3_000 }, (_, n) => n);
      for (const n of wanted) {
        publisher.publish(eventOf(instance, n));
        // Sometimes within a turn, sometimes across: what waits for an answer must not be overtaken.
        if (n % 7 === 0) await publisher.flush();
        if (n % 31 === 0) await new Promise(setImmediate);
      }
      await publisher.flush();
      for (const ear of ears) expect(numbers(await ear.have(wanted.length))).toEqual(wanted);
    });

    it("carries the id and the times of an event to every node", async () => {
      const buses = await openAll();
      const instance = newInstance();
      const ears = await collectOn(buses, instance);
      const mint = createIdMint();
      const accepted = [1_795_948_200_123, 1_795_948_200_124, 7].map((time, n) =>
        eventOf(instance, n, { id: mint(time), time, occurredAt: n === 0 ? undefined : time - 1 }),
      );
      for (const event of accepted) buses[0]?.publish(event);
      await buses[0]?.flush();
      const times = ({ id, time, occurredAt }: Event) => ({ id: idText(id), time, occurredAt });
      const wanted = accepted.map(times);
      for (const ear of ears) {
        const heard = await ear.have(accepted.length);
        expect(heard.map(times)).toEqual(wanted);
      }
    });

    it("carries data, slot and media as they are", async () => {
      const buses = await openAll();
      const instance = newInstance();
      const ear = collector();
      await subscribed(buses.at(-1) as Bus, instance, ear.handler);
      const data = Buffer.from('{ "message": {"media": {"base64":"AAAA", "type":"image"}}, "n": 1e400 }');
      const slot = { cuts: [{ start: 24, end: 41 }], inlineBytes: 3, insertAt: 23, hasOthers: true };
      const media = Buffer.from([0, 1, 2, 255]);
      const publisher = buses[0] as Bus;
      publisher.publish({ ...stamp, instanceId: instance, type: "message.exchange", data, slot, media });
      publisher.publish({ ...stamp, instanceId: instance, type: "message.exchange", data, slot });
      publisher.publish(eventOf(instance, 3));
      await publisher.flush();
      const [raw, inline, plain] = (await ear.have(3)) as [Event, Event, Event];
      expect(Buffer.from(raw.data)).toEqual(data);
      expect(raw.slot).toMatchObject(slot);
      expect(raw.slot?.cuts).toMatchObject(slot.cuts);
      expect(Buffer.from(raw.media as Uint8Array)).toEqual(media);
      expect(inline.media).toBeUndefined();
      expect(plain.slot).toBeUndefined();
    });

    it("says whether anybody on this node is subscribed", async () => {
      const [bus] = (await openAll()) as [Bus];
      const instance = newInstance();
      expect(bus.publish(eventOf(instance, 1))).toBe(false);
      const stop = await subscribed(bus, instance, () => {});
      expect(bus.publish(eventOf(instance, 2))).toBe(true);
      stop();
      expect(bus.publish(eventOf(instance, 3))).toBe(false);
      await bus.flush();
    });

    it("refuses a second subscriber of an instance, and goes on serving the first", async () => {
      const buses = await openAll();
      const instance = newInstance();
      const first = collector();
      const listener = buses.at(-1) as Bus;
      await subscribed(listener, instance, first.handler);
      expect(() => listener.subscribe({ id: instance, accountId: stamp.accountId }, () => {})).toThrow("subscribed");
      (buses[0] as Bus).publish(eventOf(instance, 1));
      await buses[0]?.flush();
      expect(numbers(await first.have(1))).toEqual([1]);
    });

    it("takes a subscription back, and gives it again", async () => {
      const buses = await openAll();
      const publisher = buses[0] as Bus;
      const listener = buses.at(-1) as Bus;
      const instance = newInstance();
      const first = collector();
      const stop = await subscribed(listener, instance, first.handler);
      publisher.publish(eventOf(instance, 1));
      await publisher.flush();
      await first.have(1);
      stop();
      const second = collector();
      await subscribed(listener, instance, second.handler);
      publisher.publish(eventOf(instance, 2));
      await publisher.flush();
      expect(numbers(await second.have(1))).toEqual([2]);
      expect(numbers(first.events)).toEqual([1]);
    });

    it("is at ease with subscriptions in quick succession while events are published", async () => {
      const buses = await openAll();
      const publisher = buses[0] as Bus;
      const listener = buses.at(-1) as Bus;
      const instance = newInstance();
      for (let n = 0; n < 200; n++) {
        const ear = collector();
        const stop = await subscribed(listener, instance, ear.handler);
        publisher.publish(eventOf(instance, n));
        void publisher.flush();
        expect(numbers(await ear.have(1))).toEqual([n]);
        stop();
      }
    });

    it("has no trouble", async () => {
      for (const bus of await openAll()) expect(bus.trouble()).toBeUndefined();
    });
  });
}
