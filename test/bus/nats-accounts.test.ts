/** Subscriptions of whole accounts over a real NATS: what leaves a node, with which numbers, and what is dropped. */

import { connect, type NatsConnection } from "@nats-io/transport-node";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { Bus, BusGap } from "../../src/bus/bus.js";
import { decodeEvent, encodeEvent } from "../../src/bus/event-codec.js";
import { openNatsBus } from "../../src/bus/nats-bus.js";
import { describeAccounts, newAccount, subscribedToAccount } from "../support/account-bus-suite.js";
import { collector, eventOf, newInstance, numbers } from "../support/bus-suite.js";
import { startDatabaseProxy } from "../support/database-proxy.js";
import { type NatsServer, startNatsServer } from "../support/nats-server.js";
import { lacks } from "../support/requirements.js";
import { until } from "../support/until.js";

let nats: NatsServer;
const logger = pino({ level: "silent" });

function openBus(url = nats.url): Promise<Bus> {
  return openNatsBus({
    nats: { way: { servers: [url] }, subjectPrefix: "accounts" },
    mayBeWanted: () => true,
    logger,
  });
}

async function open(url = nats.url): Promise<Bus> {
  const bus = await openBus(url);
  onTestFinished(() => bus.close());
  return bus;
}

/** A program on the same NATS that is no node. */
async function stranger(): Promise<NatsConnection> {
  const connection = await connect({ servers: nats.url });
  onTestFinished(() => connection.close());
  return connection;
}

/** The messages on a subject from now on. The program that reads them counts as a listener. */
async function messagesOn(subject: string): Promise<Uint8Array[]> {
  const messages: Uint8Array[] = [];
  const connection = await stranger();
  connection.subscribe(subject, { callback: (_, { data }) => void messages.push(data) });
  await connection.flush();
  return messages;
}

describe.skipIf(await lacks("nats-server"))("accounts on NATS", () => {
  beforeAll(async () => {
    nats = await startNatsServer();
  });
  afterAll(() => nats.close());

  describeAccounts("over NATS", { open: (count) => Promise.all(Array.from({ length: count }, () => openBus())) }, 3);

  it("numbers an event once: both copies have the same number", async () => {
    const near = await open();
    const [account, instance] = [newAccount(), newInstance()];
    const ofInstance = await messagesOn(`accounts.${instance}`);
    const ofAccount = await messagesOn(`accounts.account.${account}`);
    for (let n = 0; n < 5; n++) near.publish(eventOf(instance, n, { accountId: account }));
    expect(await near.flush()).toBe(true);
    const events = (messages: Uint8Array[]) => messages.filter(({ length }) => length > 0);
    await until(() => events(ofInstance).length === 5 && events(ofAccount).length === 5);
    const seen = events(ofAccount).map((bytes) => decodeEvent({ accountId: account }, bytes));
    expect(seen.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5]);
    expect(seen.map(({ instanceId }) => instanceId)).toEqual(Array(5).fill(instance));
    const subject = { accountId: account, instanceId: instance };
    const same = events(ofInstance).map((bytes) => decodeEvent(subject, bytes));
    expect(same.map(({ series, sequence }) => ({ series, sequence }))).toEqual(
      seen.map(({ series, sequence }) => ({ series, sequence })),
    );
    expect(near.stats.sent).toBe(5);
  });

  it("sends an event to those that listen: to the account alone where nobody listens to the instance", async () => {
    const [near, far] = [await open(), await open()];
    const [account, instance] = [newAccount(), newInstance()];
    const ear = collector();
    await subscribedToAccount(far, account, ear.handler);
    for (let n = 0; n < 3; n++) {
      near.publish(eventOf(instance, n, { accountId: account }));
      expect(await near.flush()).toBe(true);
    }
    // Until the far node has read these three, a new listener to the instance would get them too.
    await ear.have(3);
    // A listener to the instance comes, of whom nobody is told.
    const late = collector();
    await far.subscribe({ id: instance, accountId: account }, late.handler).inForce;
    near.publish(eventOf(instance, 3, { accountId: account }));
    await near.flush();
    expect(numbers(await ear.have(4))).toEqual([0, 1, 2, 3]);
    expect(numbers(await late.have(1))).toEqual([3]);
    expect([near.stats.sent, far.stats.received, far.stats.missed]).toEqual([4, 4, 0]);
  });

  it("counts what is missing in the numbers of one instance, whichever way it should have come", async () => {
    const far = await open();
    const [account, instance, another] = [newAccount(), newInstance(), newInstance()];
    const ear = collector();
    const gaps: BusGap[] = [];
    far.watchGaps((gap) => gaps.push(gap));
    await subscribedToAccount(far, account, ear.handler);
    const voice = await stranger();
    const send = (sequence: number, of = instance) => {
      const event = eventOf(of, sequence, { accountId: account, time: sequence });
      voice.publish(`accounts.account.${account}`, encodeEvent({ event, origin: "voice", series: 1, sequence }, true));
    };
    for (const sequence of [1, 2]) send(sequence);
    send(7, another);
    send(5);
    send(4);
    await voice.flush();
    expect(numbers(await ear.have(4))).toEqual([1, 2, 7, 5]);
    expect(far.stats).toMatchObject({ received: 4, missed: 2 });
    // The times at which the events around the loss were accepted, not those of their arrival.
    const where = { accountId: account, instanceId: instance, from: 2, until: 5 };
    expect(gaps).toEqual([{ reason: "bus_lost", missed: 2, ...where }]);
  });

  it("is told anew of a listener whose connection was away, also while it believes that nobody listens", async () => {
    const wire = await startDatabaseProxy(nats.url);
    onTestFinished(() => wire.close());
    const [plain, far] = [await open(), await open(wire.url)];
    const [account, instance] = [newAccount(), newInstance()];
    const ear = collector();
    await subscribedToAccount(far, account, ear.handler);
    const near = await open();
    await plain.subscribe({ id: instance, accountId: account }, () => {}).inForce;
    await wire.cut();
    await until(() => far.trouble() !== undefined);
    near.publish(eventOf(instance, 1, { accountId: account }));
    await near.flush();
    await wire.heal();
    await until(() => far.trouble() === undefined);
    near.publish(eventOf(instance, 2, { accountId: account }));
    await near.flush();
    expect(numbers(await ear.have(1))).toEqual([2]);
  });

  it("does not believe that nobody listens after its own connection was away, when it may have missed the news", async () => {
    const wire = await startDatabaseProxy(nats.url);
    onTestFinished(() => wire.close());
    const [near, plain, far] = [await open(wire.url), await open(), await open()];
    const [account, instance] = [newAccount(), newInstance()];
    await plain.subscribe({ id: instance, accountId: account }, () => {}).inForce;
    near.publish(eventOf(instance, 1, { accountId: account }));
    expect(await near.flush()).toBe(true);
    await wire.cut();
    await until(() => near.trouble() !== undefined);
    const ear = collector();
    await subscribedToAccount(far, account, ear.handler);
    await wire.heal();
    await until(() => near.trouble() === undefined);
    near.publish(eventOf(instance, 2, { accountId: account }));
    expect(await near.flush()).toBe(true);
    expect(numbers(await ear.have(1))).toEqual([2]);
  });
});
