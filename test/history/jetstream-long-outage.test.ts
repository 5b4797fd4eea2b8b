/** JetStream is away from one node for longer than the other nodes remember which instances that node follows. */

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { type DatabaseProxy, startDatabaseProxy } from "../support/database-proxy.js";
import { jetStream, newPrefix, openHistoryNode } from "../support/history-nodes.js";
import { type NatsServer, startNatsServer } from "../support/nats-server.js";
import { lacks } from "../support/requirements.js";
import { until } from "../support/until.js";

const seconds = 60;
let nats: NatsServer;
let proxy: DatabaseProxy;

const newScope = () => ({ accountId: randomUUID(), instanceId: randomUUID() });

describe.skipIf(await lacks("nats-server"))("JetStream, away for long,", () => {
  beforeAll(async () => {
    nats = await startNatsServer(jetStream());
    proxy = await startDatabaseProxy(nats.url);
  });
  afterAll(async () => {
    await proxy.close();
    await nats.close();
  });

  it("is back only when the other nodes know again of each instance that is followed: no event is missing", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    onTestFinished(() => void vi.useRealTimers());
    const prefix = newPrefix();
    const [first, late] = [newScope(), newScope()];
    let isHeld = false;
    let asked = 0;
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    function beforeNote(name: string): Promise<void> | undefined {
      if (!isHeld || !name.endsWith(late.instanceId)) return undefined;
      asked++;
      return released;
    }
    const a = await openHistoryNode(nats.url, { prefix, seconds, journalUrl: proxy.url, beforeNote });
    const b = await openHistoryNode(nats.url, { prefix, seconds });
    const followers = [await a.follow(first), await a.follow(late)];
    await a.isThere();
    let n = 0;
    async function publish(): Promise<void> {
      for (const scope of [first, late]) b.publish(scope, n);
      n++;
      await b.bus.flush();
    }
    await publish();
    await Promise.all(followers.map((one) => one.have(1)));

    await proxy.cut();
    await a.isThere(false);
    vi.advanceTimersByTime((seconds + 20) * 1_000);
    const bKeeps = async () => {
      const before = b.history.taken;
      await publish();
      return b.history.taken - before;
    };
    await until(async () => (await bKeeps()) === 0);

    // JetStream is back for a moment, in which node a begins to renew its notes, and then for good.
    isHeld = true;
    await proxy.heal();
    await until(() => asked > 1);
    await proxy.cut();
    await until(() => a.lines().filter((line) => line === "JetStream is away: no history is kept").length === 2);
    await proxy.heal();
    await until(async () => (await bKeeps()) === 1);
    // Node a looks twice a second whether it can feed its consumers from the history again.
    let published = 0;
    await until(async () => {
      await publish();
      return ++published === 60;
    });
    await Promise.all(followers.map((one) => one.have(n)));
    expect(a.history.reach).toBeUndefined();

    release();
    await a.isThere();
    for (let i = 0; i < 20; i++) await publish();
    await until(() => followers.every((one) => one.numbers().at(-1) === n - 1));
    for (const one of followers) expect(one.numbers()).toEqual([...Array(n).keys()]);
    expect(a.gaps).toEqual([]);
  });
});
