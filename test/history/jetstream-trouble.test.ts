/** What goes wrong with JetStream: consumers go on getting events, know that they cannot resume, and are told of what may be missing. */

import { connect } from "@nats-io/transport-node";
import { describe, expect, it } from "vitest";
import { startDatabaseProxy } from "../support/database-proxy.js";
import { jetStream, lastPosition, openHistoryNode, replay } from "../support/history-nodes.js";
import { openHistoryPair } from "../support/history-pair.js";
import { lacks } from "../support/requirements.js";
import { until } from "../support/until.js";

const away = "the history is away: consumers of eventwire.v1 get events without positions";
const memory = "268435456";

describe.skipIf(await lacks("nats-server")).concurrent("JetStream", () => {
  it("is off: consumers get the events of the bus, cannot resume, and the log says so once", async ({
    onTestFinished: atEnd,
  }) => {
    const { a, b, scope, follower } = await openHistoryPair(atEnd, "");
    expect([a.history.available, a.history.reach, follower.following.position]).toEqual([false, undefined, undefined]);
    expect(follower.following.resume("abc.1.k2")).toEqual({ refusal: "away", from: 0 });
    for (let n = 0; n < 5; n++) expect(await b.publishKept(scope, n)).toBeUndefined();
    expect(await follower.have(5)).toEqual([0, 1, 2, 3, 4].map((n) => ({ n, position: undefined })));
    expect(a.lines().filter((line) => line === "JetStream cannot be used: no history is kept")).toHaveLength(1);
  });

  it("has no memory for the stream, and gets it later: the history begins without a restart", async ({
    onTestFinished: atEnd,
  }) => {
    const { nats, a, scope, follower } = await openHistoryPair(atEnd, jetStream().replace(memory, "1048576"));
    a.publish(scope, 1);
    expect(await follower.have(1)).toEqual([{ n: 1, position: undefined }]);
    expect(JSON.stringify(a.log)).toMatch(/insufficient memory resources/);
    await nats.kill();
    await nats.start(jetStream());
    await a.isThere();
    expect(a.history.available).toBe(true);
    a.publish(scope, 2);
    await follower.have(2);
    expect(lastPosition(follower)).toBeDefined();
  });

  it("is full while events come: nothing is lost live, and the positions from before are refused", async ({
    onTestFinished: atEnd,
  }) => {
    const config = jetStream().replace(memory, "3145728");
    const pair = await openHistoryPair(atEnd, config, { bytes: 1024 * 1024 });
    const { a, b, scope, follower } = pair;
    const position = await pair.first();
    const makeRoom = await pair.fill();
    for (let n = 1; n < 20; n++) b.publish(scope, n);
    await follower.have(20);
    expect(follower.numbers()).toEqual([...Array(20).keys()]);
    await a.isThere(false);
    expect(a.lines()).toContain(away);
    await makeRoom();
    await a.isThere();
    expect(follower.following.resume(position)).toMatchObject({ refusal: "expired" });
    b.publish(scope, 20);
    await follower.have(21);
    expect(lastPosition(follower)).toBeDefined();
    expect(follower.numbers()).toEqual([...Array(21).keys()]);
  });

  it("does not store an event while its consumer is away: the consumer cannot go on, and does not miss it silently", async ({
    onTestFinished: atEnd,
  }) => {
    const config = jetStream().replace(memory, "3145728");
    const pair = await openHistoryPair(atEnd, config, { bytes: 1024 * 1024 });
    const { a, b, scope, follower } = pair;
    const position = await pair.first();
    follower.stop();
    const makeRoom = await pair.fill();
    expect(await b.publishKept(scope, 1)).toBeUndefined();
    await makeRoom();
    const back = await a.follow(scope);
    await a.isThere();
    expect(back.following.resume(position)).toMatchObject({ refusal: "expired" });
  });

  it("restarts with an empty memory: positions from before are those of another history", async ({
    onTestFinished: atEnd,
  }) => {
    const pair = await openHistoryPair(atEnd, jetStream());
    const { nats, a, b, scope, follower } = pair;
    const position = await pair.first();
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

  it("restarts with an empty memory after many events: consumers can go on after positions of the new stream", async ({
    onTestFinished: atEnd,
  }) => {
    const { nats, a, b, scope, follower } = await openHistoryPair(atEnd, jetStream());
    for (let n = 0; n < 200; n++) b.publish(scope, n);
    await follower.have(200);
    const other = { ...scope, instanceId: "another" };
    const { following } = await a.follow(other);
    await nats.kill();
    await a.isThere(false);
    a.publish(other, 0);
    await nats.start();
    await a.isThere();
    a.publish(other, 1);
    expect(following.resume(following.position as string)).toHaveProperty("after");
  });

  it("cannot be reached by one node: no node keeps a history meanwhile, and no consumer misses an event of that node", async ({
    onTestFinished: atEnd,
  }) => {
    const pair = await openHistoryPair(atEnd, jetStream());
    const { nats, options, a, b, scope, follower } = pair;
    const position = await pair.first();
    const cut = await openHistoryNode(nats.url, { ...options, journalUrl: "nats://127.0.0.1:1" });
    cut.publish(scope, 1);
    await follower.have(2);
    b.publish(scope, 2);
    await follower.have(3);
    expect(follower.heard.slice(1)).toEqual([1, 2].map((n) => ({ n, position: undefined })));
    expect(a.lines()).toContain(away);
    expect([a.history.available, cut.history.available]).toEqual([false, false]);
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
    const { nats, options, a, b, scope, follower } = await openHistoryPair(atEnd, jetStream());
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

  it("goes away as the bus brings an event from before the consumer: the event does not come", async ({
    onTestFinished: atEnd,
  }) => {
    const { nats, options, a, b, scope, follower } = await openHistoryPair(atEnd, jetStream());
    await b.follow({ ...scope, instanceId: "another" });
    const before = a.draft(scope, 1);
    a.history.take(before);
    await follower.have(1);
    const late = await b.follow(scope);
    a.bus.publish(before);
    await a.bus.flush();
    const cut = await openHistoryNode(nats.url, { ...options, journalUrl: "nats://127.0.0.1:1" });
    await b.isThere(false);
    await cut.close();
    b.publish(scope, 2);
    await late.have(1);
    expect([late.numbers(), b.gaps]).toEqual([[2], []]);
  });

  it("is away from one node alone, which reads its events a second time: no event comes twice, and none may be missing", async ({
    onTestFinished: atEnd,
  }) => {
    const { nats, options, b, scope } = await openHistoryPair(atEnd, jetStream());
    const network = await startDatabaseProxy(nats.url);
    atEnd(() => network.close());
    const node = await openHistoryNode(nats.url, { ...options, journalUrl: network.url });
    const follower = await node.follow(scope);
    for (let n = 0; n < 10; n++) b.publish(scope, n);
    await follower.have(10);
    await network.cut();
    await node.isThere(false);
    await network.heal();
    await node.isThere();
    b.publish(scope, 10);
    await follower.have(11);
    expect(follower.numbers()).toEqual([...Array(11).keys()]);
    expect(node.gaps).toEqual([]);
  });

  it("breaks: a position from before is refused, and events may be missing since the time that the break names", async ({
    onTestFinished: atEnd,
  }) => {
    const pair = await openHistoryPair(atEnd, jetStream());
    const { nats, options, a, follower } = pair;
    const [before, now] = [await pair.first(), Date.now()];
    const stranger = await connect({ servers: nats.url });
    atEnd(() => stranger.close());
    for (const from of [now - 60_000, now - 30_000]) stranger.publish(`${options.prefix}.history.break`, `${from}`);
    await until(() => a.gaps.length === 2);
    const { following } = follower;
    expect(following.resume(before)).toEqual({ refusal: "expired", from: now - 60_000 });
    const other = `other.7.${now.toString(36)}`;
    expect(following.resume(other)).toEqual({ refusal: "another_history", from: now - 60_000 });
    expect(following.resume(following.position as string)).toHaveProperty("after");
  });

  it("loses its stream: the nodes make another one, and refuse the positions of the old one", async ({
    onTestFinished: atEnd,
  }) => {
    const pair = await openHistoryPair(atEnd, jetStream());
    const { a, b, scope, follower } = pair;
    const position = await pair.first();
    const { streams } = await pair.operator();
    await streams.delete(pair.stream);
    for (let n = 1; n < 10; n++) b.publish(scope, n);
    await follower.have(10);
    await a.isThere();
    expect(follower.following.resume(position)).toMatchObject({ refusal: "another_history" });
    expect(follower.numbers()).toEqual([...Array(10).keys()]);
  });

  it("is there, but a node of an older release is on the bus: no history until that node has left", async ({
    onTestFinished: atEnd,
  }) => {
    const { nats, options, a, scope, follower } = await openHistoryPair(atEnd, jetStream());
    const older = await connect({ servers: nats.url });
    older.subscribe(`${options.prefix}.probe`);
    await older.flush();
    await a.isThere(false);
    a.publish(scope, 1);
    expect(await follower.have(1)).toEqual([{ n: 1, position: undefined }]);
    await older.close();
    await a.isThere();
    a.publish(scope, 2);
    await follower.have(2);
    expect(lastPosition(follower)).toBeDefined();
  });

  it("does not confirm in time, because it stands still: what the bus has brought is not lost", async ({
    onTestFinished: atEnd,
  }) => {
    const pair = await openHistoryPair(atEnd, jetStream());
    const { nats, a, scope, follower } = pair;
    await pair.first();
    await nats.freeze();
    for (let n = 1; n < 10; n++) a.publish(scope, n);
    await follower.have(10);
    expect(follower.heard.slice(1).every(({ position }) => position === undefined)).toBe(true);
    nats.thaw();
    await a.isThere();
    a.publish(scope, 10);
    await follower.have(11);
    expect(follower.numbers()).toEqual([...Array(11).keys()]);
    expect(replay(follower, lastPosition(follower))).toEqual([]);
  });
});
