/** When the gateway ends a socket, what it says, and how it knows that a silent one is alive. */

import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Consumer, dataOf, openConsumer } from "../support/consumer.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { openRaw, requestHead } from "../support/raw-http.js";
import { endGraces } from "../support/retiring-tokens.js";
import { scrape } from "../support/scrape.js";

let server: PublicServer;
beforeAll(async () => {
  server = await startPublicServer({ IDLE_TIMEOUT_SECONDS: "8" });
});
afterAll(() => server.close());

function connect(instance: string, token: string): Promise<Consumer> {
  return openConsumer(server.url, `/ws/${instance}`, { headers: { token } });
}

async function publish(instance: string, token: string, data: object): Promise<void> {
  const response = await fetch(`${server.url}/api/events/publish/${instance}`, {
    method: "POST",
    headers: { token, "content-type": "application/json" },
    body: JSON.stringify({ event: "call.update", data }),
  });
  expect(response.status).toBe(200);
}

const list = (token: string) => fetch(`${server.url}/api/instance/list`, { headers: { token } });

/** A second account with an instance `desk`, each with its id. */
async function createOther(name: string) {
  const { account, token } = await server.createAccount(name);
  const created = await fetch(`${server.url}/api/instance/new`, {
    method: "POST",
    headers: { token, "content-type": "application/json" },
    body: JSON.stringify({ name: "desk", websocketEnabled: true }),
  });
  const { instance } = (await created.json()) as { instance: { id: string; token: string } };
  return { account, token, instance };
}

describe("a socket is closed", () => {
  it("with 4004 when its instance is deleted, behind every frame that was published before", async () => {
    await server.createInstance("deleted", "ti_deleted", { enabled: true });
    const consumers = [await connect("deleted", "ti_deleted"), await connect("deleted", server.accountToken)];
    for (let n = 0; n < 20; n++) await publish("deleted", server.accountToken, { n });
    expect(await server.call("DELETE", "/api/instance/delete/deleted")).toMatchObject({ status: 200 });
    for (const consumer of consumers) {
      expect((await consumer.take(20)).map((frame) => dataOf(frame).n)).toEqual([...Array(20).keys()]);
      expect(await consumer.closed).toEqual([4004, "instance deleted"]);
    }
    await expect(connect("deleted", "ti_deleted")).rejects.toThrow("401");
  });

  it("with 4001 when its account is revoked, opened with either kind of token, and nobody else's is", async () => {
    const { account, token, instance } = await createOther("revoked");
    await server.createInstance("bystander", "ti_bystander", { enabled: true });
    const consumers = [await connect("desk", token), await connect("desk", instance.token)];
    const bystander = await connect("bystander", "ti_bystander");
    await server.operate((store) => store.revokeAccount(account.id));
    for (const consumer of consumers) expect(await consumer.closed).toEqual([4001, "token revoked"]);
    for (const gone of [token, instance.token]) await expect(connect("desk", gone)).rejects.toThrow("401");
    await publish("bystander", server.accountToken, { n: 1 });
    expect(dataOf(await bystander.next())).toEqual({ n: 1 });
  });

  it("with 4001 when its instance's token is replaced, while a socket of the account stays and sees the new one", async () => {
    const { token, instance } = await createOther("rotated");
    const [ofInstance, ofAccount] = [await connect("desk", instance.token), await connect("desk", token)];
    const fresh = await server.operate((store) => store.rotateInstanceToken(instance.id));
    expect(await ofInstance.closed).toEqual([4001, "token revoked"]);
    await expect(connect("desk", instance.token)).rejects.toThrow("401");
    await publish("desk", token, { n: 1 });
    expect(JSON.parse(await ofAccount.next()).instanceData.token).toBe(fresh);
    await connect("desk", fresh ?? "");
  });

  it("with 4001 at the end of the time that its token was given, while its frames carry the new one at once", async () => {
    const { account, token, instance } = await createOther("graced");
    const [ofInstance, ofAccount] = [await connect("desk", instance.token), await connect("desk", token)];
    const fresh = await server.operate((store) => store.rotateInstanceToken(instance.id, 3_600_000));
    const next = (await server.operate((store) => store.rotateAccountToken(account.id, 3_600_000))) as string;
    await expect.poll(async () => (await list(next)).status).toBe(200);
    for (const old of [instance.token, token]) await connect("desk", old);
    await publish("desk", token, { n: 1 });
    for (const consumer of [ofInstance, ofAccount])
      expect(JSON.parse(await consumer.next()).instanceData.token).toBe(fresh);
    await endGraces(server.database.url);
    for (const consumer of [ofInstance, ofAccount]) expect(await consumer.closed).toEqual([4001, "token revoked"]);
    for (const old of [instance.token, token]) await expect(connect("desk", old)).rejects.toThrow("401");
    for (const current of [fresh ?? "", next]) await connect("desk", current);
  });

  it("for nothing that its client says: text, binary, pongs and its own pings are taken", async () => {
    await server.createInstance("talker", "ti_talker-1", { enabled: true });
    const consumer = await connect("talker", "ti_talker-1");
    for (let n = 0; n < 1_000; n++) consumer.socket.send(`{"event":"call.update","data":{"n":${n}}}`);
    consumer.socket.pong("unasked");
    consumer.socket.ping("there?");
    const [echo] = await once(consumer.socket, "pong");
    expect(String(echo)).toBe("there?");
    await publish("talker", server.accountToken, { n: -1 });
    expect(dataOf(await consumer.next())).toEqual({ n: -1 });
  });
});

describe("a socket that nothing is published for", () => {
  it("stays open while it answers pings, and one whose peer is dead goes", { timeout: 60_000 }, async () => {
    await server.createInstance("idle", "ti_idle-one", { enabled: true });
    const alive = await connect("idle", "ti_idle-one");
    let pings = 0;
    alive.socket.on("ping", () => pings++);
    const dead = await openRaw(server.port);
    await dead.send(
      requestHead(
        "GET /ws/idle",
        "token: ti_idle-one",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      ),
    );
    expect(await dead.response()).toMatchObject({ status: 101 });
    const [sockets = 0] = await scrape(server.server.grpcUrl, "eventwire_sockets");
    // It reads, but answers no ping: what is left of it when the server gives up is exactly the pings.
    const said = await dead.ended();
    expect(said.length).toBeGreaterThan(0);
    expect(said.replaceAll("\x89\x01e", "")).toBe("");
    expect(await scrape(server.server.grpcUrl, "eventwire_sockets")).toEqual([sockets - 1]);
    while (pings < 3) await once(alive.socket, "ping");
    await publish("idle", server.accountToken, { n: 1 });
    expect(dataOf(await alive.next())).toEqual({ n: 1 });
  });
});
