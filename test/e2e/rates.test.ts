/** Two servers on one database, and how often a caller may ask them. */

import { describe, expect, it, onTestFinished } from "vitest";
import { type DatabaseProxy, startDatabaseProxy } from "../support/database-proxy.js";
import { startNatsServer } from "../support/nats-server.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { lacks } from "../support/requirements.js";

const shared = {
  ACCOUNT_TOKEN: "ta_of-two-nodes",
  ENCRYPTION_KEY: "5".repeat(64),
  RATE_LIMIT_GLOBAL: "4",
  RATE_LIMIT_CREATE: "2",
};

async function startTwo(env: Record<string, string> = {}) {
  const nats = await startNatsServer();
  const near = await startPublicServer({ ...shared, NATS_URL: nats.url, ...env });
  let proxy: DatabaseProxy | undefined;
  const far = await startPublicServer({ ...shared, NATS_URL: nats.url, ...env }, async () => {
    proxy = await startDatabaseProxy(near.database.url);
    return proxy.url;
  });
  onTestFinished(async () => {
    await far.close();
    await proxy?.close();
    await near.close();
    await nats.close();
  });
  return { near, far, proxy: proxy as unknown as DatabaseProxy };
}

/** The status, and what the answer says of the window. */
async function call(server: PublicServer, method: string, path: string, body?: object): Promise<unknown[]> {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { token: shared.ACCOUNT_TOKEN, "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  await response.text();
  return [response.status, response.headers.get("x-ratelimit-remaining")];
}

const list = (server: PublicServer) => call(server, "GET", "/api/instance/list");
const create = (server: PublicServer, name: string) => call(server, "POST", "/api/instance/new", { name });
const upgrade = (server: PublicServer) => call(server, "GET", "/ws/unknown");
const publish = (server: PublicServer) =>
  call(server, "POST", "/api/events/publish/unknown", { event: "call.update", data: {} });

describe.skipIf(await lacks("nats-server"))("a rate limit", () => {
  it("holds for each node when nothing is set", async () => {
    const { near, far } = await startTwo();
    expect(await list(near)).toEqual([200, "3"]);
    expect(await list(far)).toEqual([200, "3"]);
  });

  it("holds for all nodes together with RATE_LIMIT_SCOPE=cluster, upgrades included", async () => {
    const { near, far } = await startTwo({ RATE_LIMIT_SCOPE: "cluster" });
    expect(await list(near)).toEqual([200, "3"]);
    expect(await upgrade(far)).toEqual([404, "2"]);
    expect(await create(far, "desk")).toEqual([201, "1"]);
    expect(await list(far)).toEqual([200, "1"]);
    expect(await upgrade(near)).toEqual([404, "0"]);
    for (const server of [near, far]) {
      expect(await list(server)).toEqual([429, "0"]);
      expect(await upgrade(server)).toEqual([429, "0"]);
      expect(await publish(server)).toEqual([404, null]);
    }
    expect(await create(near, "desk-2")).toEqual([201, "0"]);
    expect(await create(far, "desk-3")).toEqual([429, "0"]);
  });

  it.each(["is cut", "falls silent"])("holds for a node alone when its database %s", async (trouble) => {
    const { near, far, proxy } = await startTwo({ RATE_LIMIT_SCOPE: "cluster" });
    await list(far);
    if (trouble === "is cut") await proxy.cut();
    else proxy.silence();
    for (const left of ["3", "2", "1", "0"]) expect(await upgrade(far)).toEqual([404, left]);
    expect(await upgrade(far)).toEqual([429, "0"]);
    expect(await publish(far)).toEqual([404, null]);
    expect(await list(near)).toEqual([200, "2"]);
    const told = far.log.filter((line) => line.includes("this node counts them alone"));
    // Once for each reason: a connection may be seen to end before the next one is refused.
    const reasons = told.map((line) => JSON.parse(line).reason);
    expect(reasons).toEqual([...new Set(reasons)]);
    expect(reasons).not.toEqual([]);
    const metrics = await (await fetch(`${far.server.grpcUrl}/metrics`)).text();
    expect(metrics).toContain("\neventwire_rate_counted_alone_total 5\n");
  });
});
