/** What every bus promises to a subscriber of all instances of an account, whatever carries its events. */

import { describe, expect, it, onTestFinished } from "vitest";
import type { Bus, EventHandler } from "../../src/bus/bus.js";
import { type BusSuite, collector, eventOf, newInstance, numbers, subscribed } from "./bus-suite.js";

let lastAccount = 0;

/** An account of its own for each test, since some share a server. */
export function newAccount(): string {
  return `00000000-0000-4000-9000-${String(++lastAccount).padStart(12, "0")}`;
}

/** Subscribed, and in force. */
export async function subscribedToAccount(bus: Bus, accountId: string, handler: EventHandler): Promise<() => void> {
  const subscription = bus.subscribeAccount(accountId, handler);
  await subscription.inForce;
  return subscription.stop;
}

export function describeAccounts(name: string, { open }: BusSuite, nodes: number): void {
  async function openAll(): Promise<Bus[]> {
    const buses = await open(nodes);
    onTestFinished(async () => {
      await Promise.all(buses.map((bus) => bus.close()));
    });
    return buses;
  }

  describe(`to a subscriber of an account, the bus ${name}`, () => {
    it("hands the events of all its instances, named, and none of another account", async () => {
      const buses = await openAll();
      const publisher = buses[0] as Bus;
      const [mine, another] = [newAccount(), newAccount()];
      const [desk, phone, strange] = [newInstance(), newInstance(), newInstance()];
      const ears = buses.map(() => collector());
      await Promise.all(buses.map((bus, n) => subscribedToAccount(bus, mine, (ears[n] as (typeof ears)[0]).handler)));
      publisher.publish(eventOf(strange, 0, { accountId: another }));
      publisher.publish(eventOf(desk, 1, { accountId: mine }));
      publisher.publish(eventOf(phone, 2, { accountId: mine }));
      expect(await publisher.flush()).not.toBe(false);
      for (const ear of ears) {
        const heard = await ear.have(2);
        const seen = heard.map(({ accountId, instanceId }, n) => ({ accountId, instanceId, n: numbers(heard)[n] }));
        expect(seen.sort((a, b) => (a.n as number) - (b.n as number))).toEqual([
          { accountId: mine, instanceId: desk, n: 1 },
          { accountId: mine, instanceId: phone, n: 2 },
        ]);
      }
    });

    it("hands an event once, and once to the subscriber of its instance, in the publisher's order", async () => {
      const buses = await openAll();
      const publisher = buses[0] as Bus;
      const [account, instance] = [newAccount(), newInstance()];
      const [all, one] = [buses.map(() => collector()), buses.map(() => collector())];
      // Every kind of node where there are three: with both, with the account alone, with the instance alone.
      for (const [n, bus] of buses.entries()) {
        if (n !== 2) await subscribedToAccount(bus, account, (all[n] as (typeof all)[0]).handler);
        if (n !== 1) {
          const subscription = bus.subscribe({ id: instance, accountId: account }, (one[n] as (typeof one)[0]).handler);
          await subscription.inForce;
        }
      }
      const wanted = Array.from({ length: 3_000 }, (_, n) => n);
      for (const n of wanted) {
        publisher.publish(eventOf(instance, n, { accountId: account }));
        if (n % 7 === 0) await publisher.flush();
        if (n % 31 === 0) await new Promise(setImmediate);
      }
      await publisher.flush();
      for (const n of buses.keys()) {
        if (n !== 2) expect(numbers(await (all[n] as (typeof all)[0]).have(wanted.length))).toEqual(wanted);
        if (n !== 1) expect(numbers(await (one[n] as (typeof one)[0]).have(wanted.length))).toEqual(wanted);
      }
      for (const { stats } of buses) expect(stats.missed).toBe(0);
    });

    it("hands what is published from then on, though an instance had a subscriber before", async () => {
      const buses = await openAll();
      const publisher = buses[0] as Bus;
      const listener = buses.at(-1) as Bus;
      const [account, instance] = [newAccount(), newInstance()];
      const plain = buses[1] ?? publisher;
      await plain.subscribe({ id: instance, accountId: account }, () => {}).inForce;
      for (let n = 0; n < 100; n++) {
        publisher.publish(eventOf(instance, -1, { accountId: account }));
        if (n % 2 === 0) await publisher.flush();
        const ear = collector();
        const stop = await subscribedToAccount(listener, account, ear.handler);
        publisher.publish(eventOf(instance, n, { accountId: account }));
        void publisher.flush();
        while (!numbers(ear.events).includes(n)) await new Promise(setImmediate);
        // What was under way when it began may come too, but before.
        expect(numbers(ear.events).at(-1)).toBe(n);
        stop();
      }
    });

    it("says that somebody on this node is subscribed", async () => {
      const [bus] = (await openAll()) as [Bus];
      const [account, instance] = [newAccount(), newInstance()];
      expect(bus.publish(eventOf(instance, 1, { accountId: account }))).toBe(false);
      const stop = await subscribedToAccount(bus, account, () => {});
      expect(bus.publish(eventOf(instance, 2, { accountId: account }))).toBe(true);
      stop();
      expect(bus.publish(eventOf(instance, 3, { accountId: account }))).toBe(false);
      await bus.flush();
    });

    it("refuses a second subscriber, takes the first one back, and gives the account again", async () => {
      const buses = await openAll();
      const listener = buses.at(-1) as Bus;
      const [account, instance] = [newAccount(), newInstance()];
      const [first, second] = [collector(), collector()];
      const stop = await subscribedToAccount(listener, account, first.handler);
      expect(() => listener.subscribeAccount(account, () => {})).toThrow("subscribed");
      stop();
      await subscribedToAccount(listener, account, second.handler);
      (buses[0] as Bus).publish(eventOf(instance, 1, { accountId: account }));
      await buses[0]?.flush();
      expect(numbers(await second.have(1))).toEqual([1]);
      expect(first.events).toEqual([]);
    });

    it("knows of no older node", async () => {
      const buses = await openAll();
      const listener = buses.at(-1) as Bus;
      await subscribedToAccount(listener, newAccount(), () => {});
      await subscribed(listener, newInstance(), () => {});
      expect(listener.hasOlderNodes()).toBe(false);
    });
  });
}
