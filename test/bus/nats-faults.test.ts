/** What goes wrong on the way to NATS: a cut or silent connection, a foreign voice on the bus, a handler that throws. */

import { createServer, type Socket } from "node:net";
import { connect } from "@nats-io/transport-node";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type Bus, type BusGap, travelMsMax } from "../../src/bus/bus.js";
import { openNatsBus } from "../../src/bus/nats-bus.js";
import { collector, eventOf, newInstance, numbers, subscribed } from "../support/bus-suite.js";
import { type DatabaseProxy, startDatabaseProxy } from "../support/database-proxy.js";
import { type NatsServer, startNatsServer } from "../support/nats-server.js";
import { lacks } from "../support/requirements.js";
import { until } from "../support/until.js";

let nats: NatsServer;
const logger = pino({ level: "silent" });

async function open(url = nats.url): Promise<Bus> {
  const options = { nats: { way: { servers: [url] }, subjectPrefix: "faults" }, mayBeWanted: () => true, logger };
  const bus = await openNatsBus(options);
  onTestFinished(() => bus.close());
  return bus;
}

async function proxy(): Promise<DatabaseProxy> {
  const made = await startDatabaseProxy(nats.url);
  onTestFinished(() => made.close());
  return made;
}

describe.skipIf(await lacks("nats-server"))("the NATS bus", () => {
  beforeAll(async () => {
    nats = await startNatsServer();
  });
  afterAll(() => nats.close());

  it("counts what was missed while it was cut off as an interruption, and tells its listener of the span", async () => {
    const wire = await proxy();
    const [near, far] = [await open(), await open(wire.url)];
    const gaps: BusGap[] = [];
    far.watchGaps((gap) => gaps.push(gap));
    const instance = newInstance();
    const ear = collector();
    await subscribed(far, instance, ear.handler);
    near.publish(eventOf(instance, 1));
    await near.flush();
    await ear.have(1);
    const cutAt = Date.now();
    await wire.cut();
    await until(() => far.trouble() !== undefined);
    const missedAt = Date.now();
    near.publish(eventOf(instance, 2));
    await near.flush();
    await wire.heal();
    await until(() => far.trouble() === undefined);
    near.publish(eventOf(instance, 3));
    await near.flush();
    expect(numbers(await ear.have(2))).toEqual([1, 3]);
    expect(far.stats).toMatchObject({ missed: 0, interruptions: 1 });
    expect(gaps).toEqual([{ reason: "bus_interrupted", from: expect.any(Number), until: expect.any(Number) }]);
    // An event that was on its way when the bus was last asked had been accepted before.
    expect(gaps[0]?.from).toBeLessThanOrEqual(cutAt - travelMsMax);
    expect(gaps[0]?.until).toBeGreaterThanOrEqual(missedAt);
  });

  it("is not broken by a handler that throws", async () => {
    const [near, far] = [await open(), await open()];
    const [broken, whole] = [newInstance(), newInstance()];
    await subscribed(far, broken, () => {
      throw new Error("broken");
    });
    const ear = collector();
    await subscribed(far, whole, ear.handler);
    const gaps: BusGap[] = [];
    far.watchGaps((gap) => gaps.push(gap));
    near.publish(eventOf(broken, 1));
    near.publish(eventOf(whole, 2));
    await near.flush();
    expect(numbers(await ear.have(1))).toEqual([2]);
    expect(far.stats).toMatchObject({ missed: 1, interruptions: 0 });
    expect(gaps).toMatchObject([{ reason: "bus_lost", missed: 1, instanceId: broken }]);
  });

  it("does not take the answer of a stranger for nobody's interest", async () => {
    const [near, far] = [await open(), await open()];
    const stranger = await connect({ servers: nats.url });
    onTestFinished(() => stranger.close());
    stranger.subscribe("faults.*", { callback: (_, message) => void message.respond("here I am") });
    await stranger.flush();
    const instance = newInstance();
    const ear = collector();
    await subscribed(far, instance, ear.handler);
    near.publish(eventOf(instance, 1));
    await near.flush();
    expect(numbers(await ear.have(1))).toEqual([1]);
    expect(near.stats).toMatchObject({ sent: 1, unwanted: 0 });
  });

  it("closes although NATS has gone", async () => {
    const wire = await proxy();
    const [silent, cut] = [await open(wire.url), await open(wire.url)];
    cut.publish(eventOf(newInstance(), 1));
    await wire.cut();
    await cut.close();
    await wire.heal();
    await until(() => silent.trouble() === undefined);
    wire.silence();
    await silent.close();
    expect(silent.publish(eventOf(newInstance(), 2))).toBe(false);
    expect(await silent.flush()).toBe(false);
  });

  it("leaves a server that takes its connection and then says nothing", async () => {
    const sockets: Socket[] = [];
    let pings = 0;
    const mute = createServer((socket) => {
      sockets.push(socket);
      socket.write('INFO {"server_id":"x","version":"2.9.10","proto":1,"headers":true,"max_payload":1024}\r\n');
      // Only the first one of a connection, which makes it one.
      socket.once("data", () => socket.write("PONG\r\n"));
      socket.on("data", (bytes) => {
        pings += bytes.includes("PING") ? 1 : 0;
      });
      socket.on("error", () => {});
    });
    await new Promise<void>((done) => mute.listen(0, "127.0.0.1", done));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      mute.close();
    });
    const bus = await open(`nats://127.0.0.1:${(mute.address() as { port: number }).port}`);
    expect(bus.trouble()).toBe("unreachable");
    await until(() => sockets.length > 1);
    expect(pings).toBeGreaterThan(1);
  });
});
