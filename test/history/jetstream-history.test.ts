/** The history over NATS JetStream, on a real server: one order on all nodes, and resume wherever a consumer comes back. */

import { randomUUID } from "node:crypto";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HistoryScope } from "../../src/history/history.js";
import { type HistoryNode, jetStream, newPrefix, openHistoryNode, replay } from "../support/history-nodes.js";
import { type NatsServer, startNatsServer } from "../support/nats-server.js";
import { lacks } from "../support/requirements.js";
import { until } from "../support/until.js";

let nats: NatsServer;

function newScope(accountId: string = randomUUID()): HistoryScope {
  return { accountId, instanceId: randomUUID() };
}

async function nodes(count: number, more = {}): Promise<HistoryNode[]> {
  const prefix = newPrefix();
  return Promise.all(Array.from({ length: count }, () => openHistoryNode(nats.url, { prefix, ...more })));
}

/** Resolves when JetStream has dropped the note that a scope is followed. */
async function forgotten({ prefix }: HistoryNode, { accountId, instanceId }: HistoryScope): Promise<void> {
  const connection = await connect({ servers: nats.url });
  const { streams } = await jetstreamManager(connection);
  const subjects_filter = `${prefix}.notes.mode.${accountId}.${instanceId}`;
  const notes = `${prefix.replaceAll(".", "-")}-notes`;
  await until(async () => (await streams.info(notes, { subjects_filter })).state.subjects === undefined);
  await connection.close();
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

describe.skipIf(await lacks("nats-server"))("the history over JetStream", () => {
  beforeAll(async () => {
    nats = await startNatsServer(jetStream());
  });
  afterAll(() => nats.close());

  it("gives the events of all nodes one order, the same live on each node and in a replay", async () => {
    const [a, b, c] = (await nodes(3)) as [HistoryNode, HistoryNode, HistoryNode];
    const scope = newScope();
    const [atA, atB] = [await a.follow(scope), await b.follow(scope)];
    const begin = atA.following.position as string;
    for (const n of range(0, 300)) {
      [a, b, c][n % 3]?.publish(scope, n);
      if (n % 7 === 0) await new Promise(setImmediate);
    }
    const [first, second] = [await atA.have(300), await atB.have(300)];
    expect(second).toEqual(first);
    expect(first.map(({ n }) => n).sort((x, y) => x - y)).toEqual(range(0, 300));
    for (const origin of range(0, 3)) {
      const own = first.map(({ n }) => n).filter((n) => n % 3 === origin);
      expect(own).toEqual(own.toSorted((x, y) => x - y));
    }
    const atC = await c.follow(scope);
    expect(replay(atC, begin)).toEqual(atA.numbers());
    expect(replay(atC, first[99]?.position as string)).toEqual(atA.numbers().slice(100));
    expect([a, b, c].flatMap(({ gaps }) => gaps)).toEqual([]);
  });

  it("resumes on another node after the node that was left is gone, with the events of the time between", async () => {
    const [a, b] = (await nodes(2)) as [HistoryNode, HistoryNode];
    const scope = newScope();
    const left = await a.follow(scope);
    b.publish(scope, 1);
    const [{ position }] = (await left.have(1)) as unknown as [{ position: string }];
    left.stop();
    await a.close();
    b.publish(scope, 2);
    b.publish(scope, 3);
    const back = await b.follow(scope);
    expect(replay(back, position)).toEqual([2, 3]);
    b.publish(scope, 4);
    await back.have(back.numbers().length + 1);
    expect(replay(back, position)).toEqual([2, 3, 4]);
  });

  it("keeps what a node sends just as a consumer joins on another node, in order", async () => {
    const [a, b] = (await nodes(2)) as [HistoryNode, HistoryNode];
    for (let round = 0; round < 10; round++) {
      const scope = newScope();
      let n = 0;
      let isOpen = true;
      const publishing = (async () => {
        while (isOpen) {
          for (let i = 0; i < 5; i++) b.publish(scope, n++);
          await b.bus.flush();
        }
      })();
      const follower = await a.follow(scope);
      const owed = n;
      await until(() => n > owed + 50);
      isOpen = false;
      await publishing;
      await until(() => follower.numbers().at(-1) === n - 1);
      const got = follower.numbers();
      expect(got).toEqual(got.toSorted((one, other) => one - other));
      // What was sent before the consumer's connection began it may get or not.
      expect(got.filter((number) => number >= owed)).toEqual(range(owed, n));
    }
    expect(a.gaps).toEqual([]);
    expect(a.log.map(({ msg }) => msg)).not.toContain(
      "the history is away: consumers of eventwire.v1 get events without positions",
    );
  });

  it("keeps nothing of instances that nobody follows", async () => {
    const [a, b] = (await nodes(2)) as [HistoryNode, HistoryNode];
    const [followed, other] = [newScope(), newScope()];
    const follower = await a.follow(followed);
    for (const n of range(0, 100)) b.publish(other, n);
    b.publish(followed, 1);
    await follower.have(1);
    expect(a.history.stats.events).toBe(1);
  });

  it("follows an account as a whole beside one of its instances, with the same positions, and no event of another account", async () => {
    const [a, b] = (await nodes(2)) as [HistoryNode, HistoryNode];
    const [one, another, stranger] = [newScope(), newScope(), newScope()] as const;
    const sibling = newScope(one.accountId);
    const whole = await a.follow({ accountId: one.accountId, instanceId: "" });
    const single = await a.follow(one);
    await b.follow(another);
    const begin = whole.following.position as string;
    for (const [n, scope] of [one, sibling, another, stranger, one].entries()) b.publish(scope, n);
    expect((await whole.have(3)).map(({ n }) => n)).toEqual([0, 1, 4]);
    expect((await single.have(2)).map(({ n }) => n)).toEqual([0, 4]);
    expect(single.heard.map(({ position }) => position)).toEqual([0, 2].map((i) => whole.heard[i]?.position));
    const elsewhere = await b.follow({ accountId: one.accountId, instanceId: "" });
    expect(replay(elsewhere, begin)).toEqual([0, 1, 4]);
  });

  it("refuses a position from before a time in which nobody followed the scope", async () => {
    const [a, b] = (await nodes(2, { seconds: 1 })) as [HistoryNode, HistoryNode];
    const scope = newScope();
    const first = await a.follow(scope);
    a.publish(scope, 1);
    const [{ position }] = (await first.have(1)) as unknown as [{ position: string }];
    for (const node of [a, b]) await node.follow(newScope());
    first.stop();
    await forgotten(a, scope);
    for (const node of [a, b])
      expect((await node.follow(scope)).following.resume(position)).toMatchObject({ refusal: "expired" });
  });

  it("lets a quiet consumer resume on a node that has just begun to read", async () => {
    const [a, b] = (await nodes(2, { seconds: 2 })) as [HistoryNode, HistoryNode];
    const [quiet, noisy] = [newScope(), newScope()];
    const [follower] = [await a.follow(quiet), await a.follow(noisy)];
    const started = Date.now();
    let n = 0;
    await until(() => {
      a.publish(noisy, n++);
      return Date.now() - started > 3_000;
    });
    const position = follower.following.position as string;
    const back = await b.follow(quiet);
    expect(replay(back, position)).toEqual([]);
  });

  it("refuses positions that are no text of it, of another history, and of the future", async () => {
    const [a] = (await nodes(1)) as [HistoryNode];
    const [b] = (await nodes(1)) as [HistoryNode];
    const scope = newScope();
    const [here, there] = [await a.follow(scope), await b.follow(scope)];
    expect(here.following.resume("x")).toEqual({ refusal: "malformed", from: 0 });
    expect(here.following.resume(there.following.position as string)).toMatchObject({ refusal: "another_history" });
    const [epoch, sequence, time] = (here.following.position as string).split(".");
    const future = `${epoch}.${Number(sequence) + 1}.${time}`;
    expect(here.following.resume(future)).toMatchObject({ refusal: "another_history" });
  });

  it("keeps an event of 1 MiB after the other within its bytes, and refuses what has made room", async () => {
    const [a, b] = (await nodes(2, { bytes: 4 * 1024 * 1024 })) as [HistoryNode, HistoryNode];
    const scope = newScope();
    const follower = await a.follow(scope);
    const data = Buffer.from(`{"n":0,"pad":"${"x".repeat(1024 * 1024)}"}`);
    for (let n = 0; n < 10; n++) {
      b.publish(scope, n, { data });
      await follower.have(n + 1);
    }
    const positions = follower.heard.map(({ position }) => position as string);
    expect(a.history.stats.bytes).toBeLessThanOrEqual(4 * 1024 * 1024);
    const elsewhere = await b.follow(scope);
    expect(elsewhere.following.resume(positions[0] as string)).toMatchObject({ refusal: "expired" });
    expect(replay(elsewhere, positions[8] as string)).toHaveLength(1);
  });

  it("stays within its bytes under a flood of events of 1 MiB, on the node and in the stream, and tells of what it drops", async () => {
    const bytes = 4 * 1024 * 1024;
    const [a, b] = (await nodes(2, { bytes })) as [HistoryNode, HistoryNode];
    const scope = newScope();
    const follower = await a.follow(scope);
    const connection = await connect({ servers: nats.url });
    const { streams } = await jetstreamManager(connection);
    const [onNode, inStream]: [number[], number[]] = [[], []];
    for (let n = 0; n < 60; n++) {
      b.publish(scope, n, { data: Buffer.from(`{"n":${n},"pad":"${"x".repeat(1024 * 1024)}"}`) });
      if (n % 4 === 0) inStream.push((await streams.info(`${b.prefix.replaceAll(".", "-")}-history`)).state.bytes);
      onNode.push(a.history.stats.bytes);
    }
    await connection.close();
    await until(() => follower.numbers().at(-1) === 59);
    expect(Math.max(...onNode, a.history.stats.bytes)).toBeLessThanOrEqual(bytes);
    expect(Math.max(...inStream)).toBeLessThanOrEqual(bytes);
    expect(Math.max(...inStream)).toBeGreaterThan(bytes / 2);
    expect(a.history.stats.events).toBe(3);
    const got = follower.numbers();
    expect(got).toEqual(got.toSorted((x, y) => x - y));
    if (got.length < 60) expect(a.gaps).not.toEqual([]);
  });

  it("tells each producer the position of its event, as its consumers get it, and none where nobody follows", async () => {
    const [a, b, c] = (await nodes(3)) as [HistoryNode, HistoryNode, HistoryNode];
    const [scope, plain] = [newScope(), newScope()];
    const follower = await a.follow(scope);
    const told: (string | undefined)[] = [];
    for (const n of range(0, 30)) {
      const node = [a, b, c][n % 3] as HistoryNode;
      const asked = [node.publishKept(scope, n), node.publishKept(plain, n)];
      b.publish(scope, 1_000 + n);
      const [position, none] = await Promise.all(asked);
      expect(none).toBeUndefined();
      told.push(position);
    }
    await follower.have(60);
    const positions = new Map(follower.heard.map(({ n, position }) => [n, position]));
    expect(told).toEqual(range(0, 30).map((n) => positions.get(n)));
    const others = follower.numbers().filter((n) => n >= 1_000);
    expect(others).toEqual(range(1_000, 1_030));
    expect(replay(await c.follow(scope), told[0] as string)).toEqual(
      follower.numbers().slice(follower.numbers().indexOf(0) + 1),
    );
  });

  it("is answered for only when it has the event, so that a consumer finds the event after the death of its node", async () => {
    const [a, b] = (await nodes(2)) as [HistoryNode, HistoryNode];
    const scope = newScope();
    const follower = await a.follow(scope);
    const position = follower.following.position as string;
    follower.stop();
    for (let n = 0; n < 20; n++) await b.publishKept(scope, n);
    const back = await a.follow(scope);
    expect(replay(back, position)).toEqual(range(0, 20));
  });

  it("tells of a gap when more is published at once than it keeps, and gives no event late", async () => {
    const [a, b] = (await nodes(2, { bytes: 1024 * 1024 })) as [HistoryNode, HistoryNode];
    const scope = newScope();
    const follower = await a.follow(scope);
    for (let n = 0; n < 200; n++)
      b.publish(scope, n, { data: Buffer.from(`{"n":${n},"pad":"${"x".repeat(100_000)}"}`) });
    await until(() => follower.numbers().at(-1) === 199);
    const got = follower.numbers();
    expect(got).toEqual(got.toSorted((x, y) => x - y));
    expect(a.gaps.length).toBeGreaterThan(got.length < 200 ? 0 : -1);
  });
});
