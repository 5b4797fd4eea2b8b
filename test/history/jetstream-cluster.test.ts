/** Three nats-servers, each with a copy of the history: one of them dies, and it is the one that leads. */

import { randomUUID } from "node:crypto";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HistoryScope } from "../../src/history/history.js";
import { freePort } from "../support/free-port.js";
import {
  type HistoryNodeOptions,
  jetStream,
  lastPosition,
  newPrefix,
  openHistoryNode,
  replay,
} from "../support/history-nodes.js";
import { type NatsServer, startNatsServer } from "../support/nats-server.js";
import { lacks } from "../support/requirements.js";
import { until } from "../support/until.js";

let servers: NatsServer[] = [];

/** Resolves with the name of the server that leads the stream, when the stream is there. */
async function leaderOf(url: string, stream: string): Promise<string> {
  const nats = await connect({ servers: url });
  try {
    const { cluster } = await (await jetstreamManager(nats)).streams.info(stream);
    return cluster?.leader ?? "";
  } finally {
    await nats.close();
  }
}

/** Makes the streams, and says which server leads the one with the events, and which servers live on without that server. */
async function holders(scope: HistoryScope, options: HistoryNodeOptions) {
  const url = servers[0]?.url as string;
  const first = await openHistoryNode(url, options);
  await first.follow(scope);
  await first.isThere();
  await first.close();
  const leader = Number((await leaderOf(url, `${options.prefix.replaceAll(".", "-")}-history`)).slice(1));
  const alive = servers.filter((_, i) => i !== leader) as [NatsServer, NatsServer];
  return { dead: servers[leader] as NatsServer, alive };
}

describe.skipIf(await lacks("nats-server"))("three servers of NATS", () => {
  beforeAll(async () => {
    const ports = [await freePort(), await freePort(), await freePort()];
    const routes = ports.map((port) => `"nats://127.0.0.1:${port}"`).join(", ");
    servers = await Promise.all(
      ports.map((port, i) =>
        startNatsServer(
          `server_name: s${i}\n${jetStream()}cluster { name: c, host: 127.0.0.1, port: ${port}, routes: [${routes}] }\n`,
        ),
      ),
    );
  });
  afterAll(() => Promise.all(servers.map((server) => server.close())));

  it("have one copy, whose server dies: the history is away until that server is back, and nobody is told otherwise", async () => {
    const options = { prefix: newPrefix(), replicas: 1 };
    const scope = { accountId: randomUUID(), instanceId: randomUUID() };
    const { dead, alive } = await holders(scope, options);
    const [a, b] = [await openHistoryNode(alive[0].url, options), await openHistoryNode(alive[1].url, options)];
    const follower = await a.follow(scope);
    await a.isThere();
    b.publish(scope, 0);
    await follower.have(1);
    const position = lastPosition(follower);
    await dead.kill();
    await a.isThere(false);
    b.publish(scope, 1);
    await follower.have(2);
    expect(follower.heard[1]).toEqual({ n: 1, position: undefined });
    expect(follower.following.resume(position)).toMatchObject({ refusal: "away" });
    await dead.start();
    await a.isThere();
    expect(follower.following.resume(position)).toMatchObject({ refusal: "another_history" });
    b.publish(scope, 2);
    await follower.have(3);
    expect(lastPosition(follower)).toBeDefined();
    expect(follower.numbers()).toEqual([0, 1, 2]);
  });

  it("go on with two: no event is lost live, and consumers resume again when the two have found a leader", async () => {
    const options = { prefix: newPrefix(), replicas: 3 };
    const scope = { accountId: randomUUID(), instanceId: randomUUID() };
    const { dead: leader, alive } = await holders(scope, options);
    const [a, b] = [await openHistoryNode(alive[0].url, options), await openHistoryNode(alive[1].url, options)];
    const [follower, other] = [await a.follow(scope), await b.follow(scope)];
    await Promise.all([a.isThere(), b.isThere()]);
    let n = 0;
    const publishSome = async () => {
      for (let i = 0; i < 20; i++) b.publish(scope, n++);
      await Promise.all([follower.have(n), other.have(n)]);
    };
    await publishSome();
    const before = follower.heard.at(-1)?.position as string;
    await leader.kill();
    await publishSome();
    await until(async () => {
      await publishSome();
      return [follower, other].every(({ heard }) => heard.at(-1)?.position !== undefined);
    });
    const position = follower.heard.at(-1)?.position as string;
    await publishSome();
    expect(replay(other, position)).toEqual(Array.from({ length: 20 }, (_, i) => n - 20 + i));
    for (const { following } of [follower, other])
      expect(following.resume(before)).toMatchObject({ refusal: "expired" });
    for (const one of [follower, other]) expect(one.numbers()).toEqual([...Array(n).keys()]);
  });
});
