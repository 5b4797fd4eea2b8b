/** Every row of the close catalogue is provoked, and observed by a consumer of `eventwire.v1` on a WebSocket. */

import { once } from "node:events";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { closeCatalogue } from "../../gen/closes.js";
import { openConsumer } from "../support/consumer.js";
import { controlFormat } from "../support/control-hub.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { realHub } from "../support/real-hub.js";
import { scrape } from "../support/scrape.js";
import { until } from "../support/until.js";
import { openV1, type V1Consumer } from "../support/v1-consumer.js";

type CloseName = keyof typeof closeCatalogue;
type End = Awaited<ReturnType<V1Consumer["end"]>>;

let server: PublicServer;
const cleanups: (() => void | Promise<void>)[] = [];

beforeAll(async () => {
  server = await startPublicServer({ ALLOWED_ORIGINS: "https://app.example.net" });
  await server.createInstance("desk", "token-of-desk", { enabled: true });
  await server.createInstance("off", "token-of-off");
});
afterAll(() => server.close());
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

const open = (path = "/ws/desk?token=token-of-desk", at = server) => openV1(at.url, path);

/** A server that its test closes. */
async function another(env: Record<string, string>): Promise<PublicServer> {
  const started = await startPublicServer(env);
  await started.createInstance("desk", "token-of-desk", { enabled: true });
  return started;
}

/** What ends an open connection, by the name of its close. */
const endings: Partial<Record<CloseName, () => Promise<End>>> = {
  async SHUTTING_DOWN() {
    const leaving = await another({ DRAIN_SECONDS: "1" });
    const consumer = await open(undefined, leaving);
    await leaving.close();
    return consumer.end();
  },

  async MESSAGE_TOO_BIG() {
    const consumer = await open();
    consumer.send("x".repeat(4097));
    return consumer.end();
  },

  async PROTOCOL_ERROR() {
    const consumer = await open();
    for (let n = 0; n < 10; n++) consumer.send(`nonsense ${n}`);
    return consumer.end();
  },

  async TOKEN_REVOKED() {
    const { account, token } = await server.createAccount("revoked");
    await fetch(`${server.url}/api/instance/new`, {
      method: "POST",
      headers: { token, "content-type": "application/json" },
      body: '{"name":"desk","websocketEnabled":true}',
    });
    const consumer = await open(`/ws/desk?token=${token}`);
    await server.operate((store) => store.revokeAccount(account.id));
    return consumer.end();
  },

  async INSTANCE_DELETED() {
    await server.createInstance("leaving", "token-of-leaving", { enabled: true });
    const consumer = await open("/ws/leaving?token=token-of-leaving");
    await server.call("DELETE", "/api/instance/delete/leaving");
    return consumer.end();
  },

  async SLOW_CONSUMER() {
    const consumer = await open();
    await consumer.frame();
    consumer.socket.pause();
    const closed = async () => (await scrape(server.server.grpcUrl, 'eventwire_socket_closes_total{code="4008"}'))[0];
    const data = { pad: "x".repeat(100_000) };
    await until(async () => {
      await Promise.all(
        Array.from({ length: 20 }, () =>
          server.call("POST", "/api/events/publish/desk", { event: "call.update", data }),
        ),
      );
      return (await closed()) === 1;
    });
    consumer.socket.resume();
    const end = await consumer.end();
    expect(end.last.waitingFrames).toBeGreaterThan(256);
    expect(end.last.waitingBytes).toBeGreaterThan(256 * 100_000);
    return end;
  },

  // No command of this release disconnects a consumer, so the hub is asked.
  async DISCONNECTED_BY_OPERATOR() {
    const { hub, connect } = await realHub(cleanups as (() => void)[], undefined, controlFormat);
    const { client, consumer, told } = await connect();
    const closed = once(client, "close");
    hub.end(consumer, closeCatalogue.DISCONNECTED_BY_OPERATOR);
    const [code, reason] = await closed;
    return { last: told.at(-1) as End["last"], close: [code, String(reason)] };
  },
};

/** What refuses a handshake, by the name of the close that ends it. */
const refusals: Partial<Record<CloseName, () => Promise<End>>> = {
  PROTOCOL_ERROR: async () => (await open("/ws/desk?token=token-of-desk&events=x")).end(),
  NOT_ALLOWED: async () => (await open("/ws/desk?token=token-of-off")).end(),
  INSTANCE_DELETED: async () => (await open(`/ws/nothing?token=${server.accountToken}`)).end(),
  CHANNEL_NOT_ENABLED: async () => (await open("/ws/off?token=token-of-off")).end(),
  INVALID_TOKEN: async () => (await open("/ws/desk?token=nobody")).end(),

  async RATE_LIMITED() {
    const limited = await another({ RATE_LIMIT_GLOBAL: "1" });
    cleanups.push(() => limited.close());
    (await open("/ws/desk?token=nobody", limited)).socket.terminate();
    return (await open("/ws/desk?token=nobody", limited)).end();
  },

  async INTERNAL_ERROR() {
    const leaving = await another({ DRAIN_SECONDS: "3" });
    await openConsumer(leaving.url, "/ws/desk?token=token-of-desk");
    const closed = leaving.close();
    cleanups.push(() => closed);
    await until(() => leaving.log.some((line) => line.includes('"draining"')));
    return (await open(undefined, leaving)).end();
  },
};

describe.each(Object.entries(closeCatalogue))("%s", (name, row) => {
  const [ending, refusal] = [endings[name as CloseName], refusals[name as CloseName]];

  const { code, reason, reconnect } = row;

  if (ending !== undefined)
    it("ends an open connection, after a frame that says so", { timeout: 60_000 }, async () => {
      const { last, close } = await ending();
      expect(close).toEqual([code, reason]);
      expect(last).toMatchObject({ control: "closing", code, reason, reconnect, position: null });
      expectWait(last.retryAfterMs, reconnect);
    });

  if (refusal !== undefined)
    it("ends a refused handshake, after a frame that says so", { timeout: 60_000 }, async () => {
      const { last, close } = await refusal();
      expect(close).toEqual([code, reason]);
      expect(last).toMatchObject({ control: "refused", reconnect });
      expect(row.refusals).toContain(last.reason);
      expectWait(last.retryAfterMs, reconnect);
    });

  it("is provoked here in each way in which it comes about", () => {
    expect(refusal !== undefined).toBe(row.refusals.length > 0);
    expect(ending ?? refusal).toBeDefined();
  });
});

function expectWait(retryAfterMs: unknown, reconnect: boolean): void {
  if (!reconnect) expect(retryAfterMs).toBe(0);
  else expect(retryAfterMs).toBeGreaterThanOrEqual(0);
  expect(retryAfterMs).toBeLessThanOrEqual(65_000);
}
