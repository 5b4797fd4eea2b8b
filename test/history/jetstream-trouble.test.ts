/** What goes wrong with JetStream: consumers go on getting events, know that they cannot resume, and are told of what may be missing. */

import { randomUUID } from "node:crypto";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { describe, expect, it } from "vitest";
import type { HistoryScope } from "../../src/history/history.js";
import { startDatabaseProxy } from "../support/database-proxy.js";
import {
  type Follower,
  type HistoryNode,
  jetStream,
  newPrefix,
  openHistoryNode,
  replay,
} from "../support/history-nodes.js";
import { type NatsServer, startNatsServer } from "../support/nats-server.js";
import { lacks } from "../support/requirements.js";
import { until } from "../support/until.js";

type AtEnd = (end: () => Promise<void>) => void;

async function server(atEnd: AtEnd, config: string): Promise<NatsServer> {
  const nats = await startNatsServer(config);
  atEnd(() => nats.close());
  return nats;
}

function newScope(): HistoryScope {
  return { accountId: randomUUID(), instanceId: randomUUID() };
}

function lines({ log }: HistoryNode): unknown[] {
  return log.map(({ msg }) => msg);
}

function lastPosition({ heard }: Follower): string {
  return heard.at(-1)?.position as string;
}

const away = "the history is away: consumers of eventwire.v1 get events without positions";

describe.skipIf(await lacks("nats-server")).concurrent("JetStream", () => {
  it("is off: consumers get the events of the bus, cannot resume, and the log says so once", async ({
    onTestFinished: atEnd,
  }) => {
    const nats = await server(atEnd, "");
    const options = { atEnd, prefix: newPrefix() };
    const [a, b] = [await openHistoryNode(nats.url, options), await openHistoryNode(nats.url, options)];
    const scope = newScope();
    const follower = await a.follow(scope);
    expect(a.history.reach).toBeUndefined();
    expect(follower.following.position).toBeUndefined();
    expect(follower.following.resume("abc.1.k2")).toEqual({ refusal: "away", from: 0 });
    for (let n = 0; n < 5; n++) b.publish(scope, n);
    expect(await follower.have(5)).toEqual([0, 1, 2, 3, 4].map((n) => ({ n, position: undefined })));
    expect(lines(a).filter((line) => line === "JetStream cannot be used: no history is kept")).toHaveLength(1);
  });

  it("has no memory for the stream, and gets it later: the history begins without a restart", async ({
    onTestFinished: atEnd,
  }) => {
    const nats = await server(atEnd, jetStream().replace("268435456", "1048576"));
    const node = await openHistoryNode(nats.url, { atEnd, prefix: newPrefix() });
    const scope = newScope();
    const follower = await node.follow(scope);
    node.publish(scope, 1);
    expect(await follower.have(1)).toEqual([{ n: 1, position: undefined }]);
    expect(JSON.stringify(node.log)).toMatch(/insufficient memory resources/);
    await nats.kill();
    await nats.start(jetStream());
    await node.isThere();
    node.publish(scope, 2);
    await follower.have(2);
    expect(lastPosition(follower)).toBeDefined();
  });

  it("is full while events come: nothing is lost live, and the positions from before are refused", async ({
    onTestFinished: atEnd,
  }) => {
    const nats = await server(atEnd, jetStream().replace("268435456", "3145728"));
    const options = { atEnd, prefix: newPrefix(), bytes: 1024 * 1024 };
    const [a, b] = [await openHistoryNode(nats.url, options), await openHistoryNode(nats.url, options)];
    const scope = newScope();
    const follower = await a.follow(scope);
    b.publish(scope, 0);
    await follower.have(1);
    const position = lastPosition(follower);
    const stranger = await connect({ servers: nats.url });
    atEnd(() => stranger.close());
    const manager = await jetstreamManager(stranger);
    await manager.streams.add({ name: "other", subjects: ["other.>"], storage: "memory" as never });
    for (let i = 0; i < 8; i++) stranger.publish(`other.${i}`, Buffer.alloc(512 * 1024));
    await stranger.flush();
    for (let n = 1; n < 20; n++) b.publish(scope, n);
    await follower.have(20);
    expect(follower.numbers()).toEqual([...Array(20).keys()]);
    await a.isThere(false);
    expect(lines(a)).toContain(away);
    await manager.streams.delete("other");
    await a.isThere();
    expect(follower.following.resume(position)).toMatchObject({ refusal: "expired" });
    b.publish(scope, 20);
    await follower.have(21);
    expect(lastPosition(follower)).toBeDefined();
    expect(follower.numbers()).toEqual([...Array(21).keys()]);
  });

  it("restarts with an empty memory: positions from before are those of another history", async ({
    onTestFinished: atEnd,
  }) => {
    const nats = await server(atEnd, jetStream());
    const options = { atEnd, prefix: newPrefix() };
    const [a, b] = [await openHistoryNode(nats.url, options), await openHistoryNode(nats.url, options)];
    const scope = newScope();
    const follower = await a.follow(scope);
    b.publish(scope, 0);
    await follower.have(1);
    const position = lastPosition(follower);
    await nats.kill();
    await a.isThere(false);
    a.publish(scope, 1);
    expect(await follower.have(2)).toContainEqual({ n: 1, position: undefined });
    await nats.start();
    await Promise.all([a.isThere(), until(() => b.bus.trouble() === undefined)]);
    expect(follower.following.resume(position)).toMatchObject({ refusal: "another_history" });
    b.publish(scope, 2);
    await follower.have(3);
    expect(replay(await b.follow(scope), lastPosition(follower))).toEqual([]);
    expect(follower.numbers()).toEqual([0, 1, 2]);
  });

  it("cannot be reached by one node: no node keeps a history meanwhile, and no consumer misses an event of that node", async ({
    onTestFinished: atEnd,
  }) => {
    const nats = await server(atEnd, jetStream());
    const options = { atEnd, prefix: newPrefix() };
    const [a, b] = [await openHistoryNode(nats.url, options), await openHistoryNode(nats.url, options)];
    const scope = newScope();
    const follower = await a.follow(scope);
    b.publish(scope, 0);
    await follower.have(1);
    const position = lastPosition(follower);
    const cut = await openHistoryNode(nats.url, { ...options, journalUrl: "nats://127.0.0.1:1" });
    cut.publish(scope, 1);
    await follower.have(2);
    b.publish(scope, 2);
    await follower.have(3);
    expect(follower.heard.slice(1)).toEqual([1, 2].map((n) => ({ n, position: undefined })));
    expect(lines(a)).toContain(away);
    expect(follower.following.resume(position)).toMatchObject({ refusal: "away" });
    await cut.close();
    await a.isThere();
    expect(follower.following.resume(position)).toMatchObject({ refusal: "expired" });
    b.publish(scope, 3);
    await follower.have(4);
    expect(follower.numbers()).toEqual([0, 1, 2, 3]);
    expect(a.gaps).toEqual([]);
  });

  it("is there again before the bus has brought an event: a gap is told, and the event does not come after later ones", async ({
    onTestFinished: atEnd,
  }) => {
    const nats = await server(atEnd, jetStream());
    const options = { atEnd, prefix: newPrefix() };
    const [a, b] = [await openHistoryNode(nats.url, options), await openHistoryNode(nats.url, options)];
    const scope = newScope();
    const follower = await a.follow(scope);
    const cut = await openHistoryNode(nats.url, { ...options, journalUrl: "nats://127.0.0.1:1" });
    await a.isThere(false);
    const late = b.draft(scope, 1);
    b.history.take(late);
    await cut.close();
    await a.isThere();
    expect(a.gaps).toEqual([{ reason: "history_interrupted", from: late.time, until: expect.any(Number), ...scope }]);
    b.publish(scope, 2);
    await follower.have(1);
    b.bus.publish(late);
    await b.bus.flush();
    b.publish(scope, 3);
    await follower.have(2);
    expect(follower.numbers()).toEqual([2, 3]);
  });

  it("is away from one node alone, which reads its events a second time: no event comes twice, and none may be missing", async ({
    onTestFinished: atEnd,
  }) => {
    const nats = await server(atEnd, jetStream());
    const network = await startDatabaseProxy(nats.url);
    atEnd(() => network.close());
    const options = { atEnd, prefix: newPrefix() };
    const a = await openHistoryNode(nats.url, { ...options, journalUrl: network.url });
    const b = await openHistoryNode(nats.url, options);
    const scope = newScope();
    const follower = await a.follow(scope);
    for (let n = 0; n < 10; n++) b.publish(scope, n);
    await follower.have(10);
    await network.cut();
    await a.isThere(false);
    await network.heal();
    await a.isThere();
    b.publish(scope, 10);
    await follower.have(11);
    expect(follower.numbers()).toEqual([...Array(11).keys()]);
    expect(a.gaps).toEqual([]);
  });

  it("breaks: a position from before is refused, and events may be missing since the time that the break names", async ({
    onTestFinished: atEnd,
  }) => {
    const nats = await server(atEnd, jetStream());
    const options = { atEnd, prefix: newPrefix() };
    const node = await openHistoryNode(nats.url, options);
    const scope = newScope();
    const follower = await node.follow(scope);
    node.publish(scope, 0);
    await follower.have(1);
    const [before, now] = [lastPosition(follower), Date.now()];
    const stranger = await connect({ servers: nats.url });
    atEnd(() => stranger.close());
    for (const from of [now - 60_000, now - 30_000]) stranger.publish(`${options.prefix}.history.break`, `${from}`);
    await until(() => node.gaps.length === 2);
    const { following } = follower;
    expect(following.resume(before)).toEqual({ refusal: "expired", from: now - 60_000 });
    const other = `other.7.${now.toString(36)}`;
    expect(following.resume(other)).toEqual({ refusal: "another_history", from: now - 60_000 });
    expect(following.resume(following.position as string)).toHaveProperty("after");
  });

  it("loses its stream: the nodes make another one, and refuse the positions of the old one", async ({
    onTestFinished: atEnd,
  }) => {
    const nats = await server(atEnd, jetStream());
    const options = { atEnd, prefix: newPrefix() };
    const [a, b] = [await openHistoryNode(nats.url, options), await openHistoryNode(nats.url, options)];
    const scope = newScope();
    const follower = await a.follow(scope);
    b.publish(scope, 0);
    await follower.have(1);
    const position = lastPosition(follower);
    const operator = await connect({ servers: nats.url });
    atEnd(() => operator.close());
    const manager = await jetstreamManager(operator);
    await manager.streams.delete(`${options.prefix.replaceAll(".", "-")}-history`);
    for (let n = 1; n < 10; n++) b.publish(scope, n);
    await follower.have(10);
    await a.isThere();
    expect(follower.following.resume(position)).toMatchObject({ refusal: "another_history" });
    expect(follower.numbers()).toEqual([...Array(10).keys()]);
  });

  it("is there, but a node of an older release is on the bus: no history until that node has left", async ({
    onTestFinished: atEnd,
  }) => {
    const nats = await server(atEnd, jetStream());
    const options = { atEnd, prefix: newPrefix() };
    const node = await openHistoryNode(nats.url, options);
    const older = await connect({ servers: nats.url });
    older.subscribe(`${options.prefix}.probe`);
    await older.flush();
    const scope = newScope();
    const follower = await node.follow(scope);
    expect(node.history.reach).toBeUndefined();
    node.publish(scope, 1);
    expect(await follower.have(1)).toEqual([{ n: 1, position: undefined }]);
    await older.close();
    await node.isThere();
    node.publish(scope, 2);
    await follower.have(2);
    expect(lastPosition(follower)).toBeDefined();
  });

  it("does not confirm in time, because it stands still: what the bus has brought is not lost", async ({
    onTestFinished: atEnd,
  }) => {
    const nats = await server(atEnd, jetStream());
    const node = await openHistoryNode(nats.url, { atEnd, prefix: newPrefix() });
    const scope = newScope();
    const follower = await node.follow(scope);
    node.publish(scope, 0);
    await follower.have(1);
    await nats.freeze();
    for (let n = 1; n < 10; n++) node.publish(scope, n);
    await follower.have(10);
    expect(follower.heard.slice(1).every(({ position }) => position === undefined)).toBe(true);
    nats.thaw();
    await node.isThere();
    node.publish(scope, 10);
    await follower.have(11);
    expect(follower.numbers()).toEqual([...Array(11).keys()]);
    expect(replay(follower, lastPosition(follower))).toEqual([]);
  });
});
