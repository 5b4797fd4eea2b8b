/** Events that a node accepts while it cannot reach NATS: other nodes are told which they missed, over a real server. */

import { connect } from "@nats-io/transport-node";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { Bus, BusGap, Event } from "../../src/bus/bus.js";
import { encodeQuestion } from "../../src/bus/gap-codec.js";
import { openNatsBus } from "../../src/bus/nats-bus.js";
import { gapsMax } from "../../src/bus/unsent-events.js";
import { newAccount, subscribedToAccount } from "../support/account-bus-suite.js";
import { collector, eventOf, newInstance, numbers, subscribed } from "../support/bus-suite.js";
import { type DatabaseProxy, startDatabaseProxy } from "../support/database-proxy.js";
import { type NatsServer, startNatsServer } from "../support/nats-server.js";
import { lacks } from "../support/requirements.js";
import { stamp } from "../support/stamp.js";
import { until } from "../support/until.js";

interface Node {
  readonly bus: Bus;
  /** What lies between the node and NATS. */
  readonly wire: DatabaseProxy;
  readonly gaps: readonly BusGap[];
  readonly log: readonly string[];
  cut(): Promise<void>;
  heal(): Promise<void>;
}

let nats: NatsServer;

async function open(mayBeWanted: (event: Event) => boolean = () => true): Promise<Node> {
  const wire = await startDatabaseProxy(nats.url);
  const log: string[] = [];
  const bus = await openNatsBus({
    nats: { way: { servers: [wire.url] }, subjectPrefix: "gaps" },
    mayBeWanted,
    logger: pino({}, { write: (line: string) => void log.push(JSON.parse(line).msg) }),
  });
  const gaps: BusGap[] = [];
  bus.watchGaps((gap) => gaps.push(gap));
  onTestFinished(async () => {
    await bus.close();
    await wire.close();
  });
  return {
    bus,
    wire,
    gaps,
    log,
    async cut() {
      await wire.cut();
      await until(() => bus.trouble() !== undefined);
    },
    async heal() {
      await wire.heal();
      await until(() => bus.trouble() === undefined);
    },
  };
}

function lost({ gaps }: Node): BusGap[] {
  return gaps.filter(({ reason }) => reason === "bus_lost");
}

function publish(
  { bus }: Node,
  instanceId: string,
  n: number,
  more: Partial<Event> = {},
): Promise<boolean> | undefined {
  bus.publish(eventOf(instanceId, n, { time: Date.now(), ...more }));
  return bus.flush();
}

describe.skipIf(await lacks("nats-server"))("a node that was cut off from NATS", () => {
  beforeAll(async () => {
    nats = await startNatsServer();
  });
  afterAll(() => nats.close());

  it("tells other nodes of the events that it accepted meanwhile, before its next event", async () => {
    const [near, far] = [await open(), await open()];
    const [busy, quiet, quieter] = [newInstance(), newInstance(), newInstance()];
    const ear = collector();
    await subscribed(far.bus, busy, ear.handler);
    await publish(near, busy, 0);
    await near.cut();
    const from = Date.now();
    for (const n of [1, 2]) expect(await publish(near, busy, n)).toBe(false);
    expect(await publish(near, quiet, 3)).toBe(false);
    await near.heal();
    await publish(near, busy, 4);
    expect(numbers(await ear.have(2))).toEqual([0, 4]);
    expect(far.gaps).toMatchObject([
      { reason: "bus_lost", missed: 2, accountId: stamp.accountId, instanceId: busy },
      { reason: "bus_lost", missed: 1, accountId: stamp.accountId, instanceId: quiet },
    ]);
    for (const gap of far.gaps) {
      expect(gap.from).toBeGreaterThanOrEqual(from);
      expect(gap.until).toBeGreaterThanOrEqual(gap.from);
    }
    expect(far.gaps.some(({ instanceId }) => instanceId === quieter)).toBe(false);
    expect(far.bus.stats).toMatchObject({ interruptions: 0, missed: 0 });
    expect(near.log).toContain("other nodes were told of the events that did not reach them");
  });

  it("tells them of events for a whole account, and of an instance of which they have heard nothing before", async () => {
    const [near, far] = [await open(), await open()];
    const [account, instance] = [newAccount(), newInstance()];
    await subscribedToAccount(far.bus, account, () => {});
    await near.cut();
    await publish(near, instance, 1, { accountId: account });
    await near.heal();
    await until(() => far.gaps.length > 0);
    expect(far.gaps).toMatchObject([{ reason: "bus_lost", missed: 1, accountId: account, instanceId: instance }]);
  });

  it("tells of events that were sent and not confirmed, without a number", async () => {
    const [near, far] = [await open(), await open()];
    const instance = newInstance();
    const ear = collector();
    await subscribed(far.bus, instance, ear.handler);
    expect(await publish(near, instance, 0)).toBe(true);
    near.wire.silence();
    const unconfirmed = publish(near, instance, 1);
    await near.cut();
    expect(await unconfirmed).toBe(false);
    await near.heal();
    await until(() => far.gaps.length > 0);
    expect(far.gaps).toEqual([
      {
        reason: "bus_lost",
        accountId: stamp.accountId,
        instanceId: instance,
        from: expect.any(Number),
        until: expect.any(Number),
      },
    ]);
    // The number of the next event says how many there were.
    await publish(near, instance, 2);
    expect(numbers(await ear.have(2))).toEqual([0, 2]);
    expect(far.gaps.at(-1)).toMatchObject({ missed: 1, instanceId: instance });
  });

  it("tells a node that was away itself at that moment, when it asks", async () => {
    const [near, far] = [await open(), await open()];
    const instance = newInstance();
    await subscribed(far.bus, instance, () => {});
    await near.cut();
    await publish(near, instance, 1);
    await far.cut();
    await near.heal();
    await until(() => near.log.includes("other nodes were told of the events that did not reach them"));
    expect(far.gaps).toEqual([]);
    await far.heal();
    await until(() => lost(far).length > 0);
    expect(far.gaps).toMatchObject([
      { reason: "bus_interrupted" },
      { reason: "bus_lost", missed: 1, instanceId: instance },
    ]);
  });

  it("tells of nothing that no consumer may take, and of nothing after an interruption without events", async () => {
    const [near, far] = [await open(({ type }) => type !== "call.update"), await open()];
    const [refused, wanted] = [newInstance(), newInstance()];
    await near.cut();
    near.bus.publish(eventOf(refused, 1, { type: "call.update" }));
    await near.heal();
    await near.cut();
    await publish(near, wanted, 2);
    await near.heal();
    await until(() => far.gaps.length > 0);
    expect(far.gaps.map(({ instanceId }) => instanceId)).toEqual([wanted]);
  });

  it("tells of very many instances with one gap for all", async () => {
    const [near, far] = [await open(), await open()];
    await near.cut();
    const from = Date.now();
    for (let n = 0; n < gapsMax; n++) near.bus.publish(eventOf(newInstance(), n, { time: Date.now() }));
    await near.heal();
    await until(() => far.gaps.length >= gapsMax);
    expect(new Set(far.gaps.map(({ instanceId }) => instanceId)).size).toBe(gapsMax);
    await near.cut();
    for (let n = 0; n <= gapsMax; n++) near.bus.publish(eventOf(newInstance(), n, { time: Date.now() }));
    await near.heal();
    await until(() => far.gaps.length > gapsMax);
    expect(far.gaps.slice(gapsMax)).toEqual([
      { reason: "bus_lost", from: expect.any(Number), until: expect.any(Number) },
    ]);
    // What it no longer knows in detail, it tells as one gap to a node that asks.
    await far.cut();
    await far.heal();
    await until(() => lost(far).length > gapsMax + 1);
    expect(lost(far).at(-1)?.instanceId).toBeUndefined();
    expect(lost(far).at(-1)?.from).toBeGreaterThanOrEqual(from);
  });

  it("says in its log that it tells nobody when it is stopped before NATS is back", async () => {
    const near = await open();
    await near.cut();
    await publish(near, newInstance(), 1);
    await near.bus.close();
    expect(near.log).toContain("other nodes cannot be told of events that did not reach them");
  });

  it("is not disturbed by what tells of no gap, and answers no question to which it knows nothing", async () => {
    const near = await open();
    // When NATS has this subscription, it has those of the gaps too.
    await subscribed(near.bus, "instance", () => {});
    const stranger = await connect({ servers: nats.url });
    onTestFinished(() => stranger.close());
    const answers: string[] = [];
    stranger.subscribe("gaps.gaps.stranger", { callback: (_, { subject }) => void answers.push(subject) });
    for (const subject of ["gaps.gaps", "gaps.gaps-question"]) stranger.publish(subject, "no gap");
    stranger.publish("gaps.gaps-question", encodeQuestion("stranger", 1_000));
    await stranger.flush();
    await until(() => near.log.filter((line) => line === "a message on the bus tells of no gap").length === 2);
    await near.bus.flush();
    expect([near.gaps, answers]).toEqual([[], []]);
  });
});
