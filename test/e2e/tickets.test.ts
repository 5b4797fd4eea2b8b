/** Tickets on two nodes with one database: one use opens one socket, and only tickets need the database. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openConsumer } from "../support/consumer.js";
import { type DatabaseProxy, startDatabaseProxy } from "../support/database-proxy.js";
import { type NatsServer, startNatsServer } from "../support/nats-server.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { openRaw, type RawConnection, upgradeHead } from "../support/raw-http.js";
import { lacks } from "../support/requirements.js";
import { askTicket, fetchTicket } from "../support/tickets.js";
import { until } from "../support/until.js";
import { openV1 } from "../support/v1-consumer.js";

describe.skipIf(await lacks("nats-server"))("a ticket, with two nodes", () => {
  let nats: NatsServer;
  let near: PublicServer;
  let far: PublicServer;
  let proxy: DatabaseProxy;
  beforeAll(async () => {
    nats = await startNatsServer();
    const env = { ENCRYPTION_KEY: "5".repeat(64), NATS_URL: nats.url };
    near = await startPublicServer(env);
    proxy = await startDatabaseProxy(near.database.url);
    far = await startPublicServer({ ...env, ACCOUNT_TOKEN: near.accountToken }, async () => proxy.url);
    await near.createInstance("desk-1", "ti_desk-one", { enabled: true });
    await until(async () => (await fetch(`${far.url}/ws/desk-1?token=ti_desk-one`)).status === 426);
  });
  afterAll(async () => {
    await far.close();
    await proxy.close();
    await near.close();
    await nats.close();
  });

  it("opens exactly one socket when 1,000 upgrades present it at once", async () => {
    const ticket = await fetchTicket(near.url, "ti_desk-one", "desk-1");
    const connections: RawConnection[] = [];
    for (let i = 0; i < 1_000; i++) connections.push(await openRaw((i % 2 ? near : far).port));
    const head = upgradeHead(`/ws/desk-1?ticket=${ticket}`);
    const statuses = connections.map(async (connection) => {
      await connection.send(head);
      return (await connection.response())?.status;
    });
    const answered = (await Promise.all(statuses)).sort();
    for (const connection of connections) connection.destroy();
    expect(answered).toEqual([101, ...Array(999).fill(401)]);
  });

  it("is refused with 503 or 4500 while the database is away, when a token still opens sockets", async () => {
    const [one, two, three] = await Promise.all([1, 2, 3].map(() => fetchTicket(near.url, "ti_desk-one", "desk-1")));
    await proxy.cut();
    const refused = await fetch(`${far.url}/ws/desk-1?ticket=${one}`);
    expect([refused.status, refused.headers.get("retry-after"), await refused.json()]).toEqual([
      503,
      "1",
      { success: false, error: { message: "Tickets cannot be checked. Try again later." } },
    ]);
    expect(refused.headers.get("eventwire-error")).toBe("TICKETS_UNAVAILABLE");
    const told = await (await openV1(far.url, `/ws/desk-1?ticket=${two}`)).end();
    expect(told).toEqual({
      last: expect.objectContaining({ status: 503, reason: "TICKETS_UNAVAILABLE", reconnect: true }),
      close: [4500, "internal error"],
    });
    await openConsumer(far.url, "/ws/desk-1?token=ti_desk-one");
    expect(await askTicket(far.url, "ti_desk-one", "desk-1")).toMatchObject({ status: 500 });
    await proxy.heal();
    await openConsumer(near.url, `/ws/desk-1?ticket=${three}`);
    await until(async () => (await askTicket(far.url, "ti_desk-one", "desk-1")).status === 200);
    await openConsumer(far.url, `/ws/desk-1?ticket=${await fetchTicket(near.url, "ti_desk-one", "desk-1")}`);
  });
});
