/** Every row of the close catalogue is provoked by its cause, and observed over WebSocket and over gRPC. */

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { closeCatalogue } from "../../gen/closes.js";
import { type CloseFace, type CloseName, closeFaces, type Told } from "../support/close-faces.js";
import { startKillablePostgres } from "../support/killable-postgres.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { scrape } from "../support/scrape.js";

let server: PublicServer;
/** Its limit is used up by the first wrong token. */
let limited: PublicServer;
/** Its database was killed before the node has read it, so the node knows no token. */
let starved: PublicServer;
const cleanups: (() => void | Promise<void>)[] = [];

beforeAll(async () => {
  server = await startPublicServer({ ALLOWED_ORIGINS: "https://app.example.net" });
  await server.createInstance("desk", "token-of-desk", { enabled: true });
  await server.createInstance("off", "token-of-off");
  limited = await startPublicServer({ RATE_LIMIT_GLOBAL: "1" });
  const database = await startKillablePostgres();
  database.kill();
  starved = await startPublicServer({}, async () => database.url);
  await database.close();
});
afterAll(async () => {
  for (const { close } of [server, limited, starved]) await close();
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** A server that its test closes. */
async function another(env: Record<string, string>): Promise<PublicServer> {
  const started = await startPublicServer(env);
  cleanups.push(() => started.close());
  await started.createInstance("desk", "token-of-desk", { enabled: true });
  return started;
}

type Provoke = (face: CloseFace) => Promise<Told>;

/** What ends an open connection, by the name of its close. */
const endings: Partial<Record<CloseName, Provoke>> = {
  async SHUTTING_DOWN({ open }) {
    const leaving = await another({ DRAIN_SECONDS: "1" });
    const consumer = await open(leaving);
    await consumer.begun;
    void leaving.server.close();
    return consumer.told();
  },

  async MESSAGE_TOO_BIG({ open }) {
    const consumer = await open(server);
    consumer.send?.("x".repeat(4097));
    return consumer.told();
  },

  async PROTOCOL_ERROR({ open }) {
    const consumer = await open(server);
    for (let n = 0; n < 10; n++) consumer.send?.(`nonsense ${n}`);
    return consumer.told();
  },

  async TOKEN_REVOKED({ open }) {
    const { account, token } = await server.createAccount("revoked");
    await fetch(`${server.url}/api/instance/new`, {
      method: "POST",
      headers: { token, "content-type": "application/json" },
      body: '{"name":"desk","websocketEnabled":true}',
    });
    const consumer = await open(server, { token });
    await consumer.begun;
    await server.operate((store) => store.revokeAccount(account.id));
    return consumer.told();
  },

  async INSTANCE_DELETED({ open }) {
    await server.createInstance("leaving", "token-of-leaving", { enabled: true });
    const consumer = await open(server, { instance: "leaving", token: "token-of-leaving" });
    await consumer.begun;
    await server.call("DELETE", "/api/instance/delete/leaving");
    return consumer.told();
  },

  async SLOW_CONSUMER({ open }) {
    const closed = async () =>
      (await scrape(server.server.grpcUrl, 'eventwire_socket_closes_total{code="4008"}'))[0] ?? 0;
    const consumer = await open(server);
    await consumer.begun;
    consumer.pause();
    const data = { pad: "x".repeat(100_000) };
    const publish = () => server.call("POST", "/api/events/publish/desk", { event: "call.update", data });
    const before = await closed();
    while ((await closed()) === before) await Promise.all(Array.from({ length: 20 }, publish));
    consumer.resume();
    const told = await consumer.told();
    expect(told.last?.waitingFrames).toBeGreaterThan(256);
    expect(Number(told.last?.waitingBytes)).toBeGreaterThan(256 * 100_000);
    return told;
  },

  async DISCONNECTED_BY_OPERATOR({ open }) {
    const consumer = await open(server);
    await consumer.begun;
    const [desk] = JSON.parse((await server.call("GET", "/api/instance/list?instanceName=desk")).text).instances;
    expect(await server.operate((store) => store.disconnectInstance(desk.id))).toBe(1);
    return consumer.told();
  },
};

/** The causes that a client makes by what it sends on an open connection. A client of Subscribe sends nothing there. */
const needsSpeech: readonly CloseName[] = ["MESSAGE_TOO_BIG", "PROTOCOL_ERROR"];

/** What refuses a handshake or a call, by the name of the close. */
const refusals: Partial<Record<CloseName, Provoke>> = {
  PROTOCOL_ERROR: async ({ open }) => (await open(server, { events: "x" })).told(),
  NOT_ALLOWED: async ({ open }) => (await open(server, { token: "token-of-off" })).told(),
  INSTANCE_DELETED: async ({ open }) =>
    (await open(server, { instance: "nothing", token: server.accountToken })).told(),
  CHANNEL_NOT_ENABLED: async ({ open }) => (await open(server, { instance: "off", token: "token-of-off" })).told(),
  INVALID_TOKEN: async ({ open }) => (await open(server, { token: "nobody" })).told(),

  async RATE_LIMITED({ open }) {
    await (await open(limited, { token: "nobody" })).told();
    return (await open(limited, { token: "nobody" })).told();
  },

  INTERNAL_ERROR: async ({ open }) => (await open(starved)).told(),
};

describe.each(closeFaces)("over $name", (face) => {
  describe.each(Object.entries(closeCatalogue))("%s", (key, row) => {
    const name = key as CloseName;
    const speaks = face.name === "WebSocket" || !needsSpeech.includes(name);
    const [ending, refusal] = [speaks ? endings[name] : undefined, refusals[name]];

    if (ending !== undefined)
      it("ends an open connection, after a frame that says so", { timeout: 60_000 }, async () => {
        face.expectEnd(await ending(face), name, row);
      });

    if (refusal !== undefined)
      it("refuses a connection, and says so", { timeout: 60_000 }, async () => {
        face.expectRefusal(await refusal(face), row);
      });

    it("is provoked here in each way in which it comes about", () => {
      expect(refusal !== undefined).toBe(row.refusals.length > 0);
      const never = face.name === "gRPC" && row.status === "";
      expect(ending === undefined && refusal === undefined).toBe(never);
    });
  });
});
