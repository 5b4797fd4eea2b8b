/** A node of an older release on the same NATS, as such a node shows itself there: it listens to the probe of its release. */

import { connect } from "@nats-io/transport-node";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { Bus } from "../../src/bus/bus.js";
import { openNatsBus } from "../../src/bus/nats-bus.js";
import { newAccount, subscribedToAccount } from "../support/account-bus-suite.js";
import { type NatsServer, startNatsServer } from "../support/nats-server.js";
import { lacks } from "../support/requirements.js";
import { until } from "../support/until.js";

let nats: NatsServer;

async function open(): Promise<Bus> {
  const bus = await openNatsBus({
    nats: { way: { servers: [nats.url] }, subjectPrefix: "older" },
    mayBeWanted: () => true,
    logger: pino({ level: "silent" }),
  });
  onTestFinished(() => bus.close());
  return bus;
}

/** Returns a function that ends it. */
async function startOlderNode(): Promise<() => Promise<void>> {
  const connection = await connect({ servers: nats.url, noEcho: true });
  connection.subscribe("older.probe", { callback: () => {} });
  connection.publish("older.probe");
  await connection.flush();
  onTestFinished(() => connection.close());
  return () => connection.close();
}

describe.skipIf(await lacks("nats-server"))("a node of an older release", () => {
  beforeAll(async () => {
    nats = await startNatsServer();
  });
  afterAll(() => nats.close());

  it("that is on the bus is known as soon as a subscription of an account is in force", async () => {
    await startOlderNode();
    const bus = await open();
    await subscribedToAccount(bus, newAccount(), () => {});
    expect(bus.hasOlderNodes()).toBe(true);
  });

  it("that joins is told, and so that it has left", async () => {
    const bus = await open();
    const joined = new Promise<void>((tell) => bus.watchOlderNodes(tell));
    await subscribedToAccount(bus, newAccount(), () => {});
    expect(bus.hasOlderNodes()).toBe(false);
    const leave = await startOlderNode();
    await joined;
    expect(bus.hasOlderNodes()).toBe(true);
    await leave();
    await until(() => !bus.hasOlderNodes());
  });

  it("is asked for by nobody where no account is subscribed to", async () => {
    const bus = await open();
    const questions: string[] = [];
    const stranger = await connect({ servers: nats.url });
    onTestFinished(() => stranger.close());
    stranger.subscribe("older.probe", { callback: (_, { subject }) => void questions.push(subject) });
    await stranger.flush();
    await bus.subscribe({ id: "an-instance", accountId: newAccount() }, () => {}).inForce;
    await stranger.flush();
    expect(questions).toEqual([]);
    await subscribedToAccount(bus, newAccount(), () => {});
    await stranger.flush();
    expect(questions).toHaveLength(1);
  });
});
