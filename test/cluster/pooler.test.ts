/** Two nodes as processes, with PgBouncer before their database. */

import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../gen/grpc/health/v1/health_pb.js";
import { type NatsServer, startNatsServer } from "../support/nats-server.js";
import { type PgBouncer, startPgBouncer } from "../support/pgbouncer.js";
import { createTestDatabase, type TestDatabase } from "../support/postgres.js";
import { type RunningServer, startServerProgram } from "../support/program.js";
import { lacks } from "../support/requirements.js";
import { until } from "../support/until.js";

interface Body {
  readonly instance: { readonly token: string };
  readonly reason?: string;
}

const token = "account-of-the-pooler";
let database: TestDatabase;
let bouncer: PgBouncer;
let nats: NatsServer;
const nodes: RunningServer[] = [];
const ends: (() => Promise<void>)[] = [];

const lacksPrograms = await lacks("pgbouncer", "nats-server");

describe.skipIf(lacksPrograms)("two nodes", () => {
  beforeAll(async () => {
    database = await createTestDatabase();
    bouncer = await startPgBouncer(database.url, "session");
    nats = await startNatsServer();
    const env = {
      DATABASE_URL: bouncer.url,
      NATS_URL: nats.url,
      ACCOUNT_TOKEN: token,
      ENCRYPTION_KEY: "5".repeat(64),
      RATE_LIMIT_SCOPE: "cluster",
      RATE_LIMIT_CREATE: "3",
      RATE_LIMIT_GLOBAL: "0",
      DRAIN_SECONDS: "0",
    };
    for (let started = 0; started < 2; started++) nodes.push(await startServerProgram(env, (end) => ends.push(end)));
  });
  afterAll(async () => {
    await Promise.all(ends.map((end) => end()));
    await bouncer.close();
    await nats.close();
    await database.drop();
  });

  async function call(node: number, method: string, path: string, body?: object, as = token) {
    const response = await fetch(`${nodes[node]?.url}${path}`, {
      method,
      headers: { token: as, "content-type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
    });
    const retryAfter = response.headers.get("retry-after");
    return { status: response.status, retryAfter, body: (await response.json()) as Body };
  }

  it("in session mode, share configurations, revocations and rate limits", async () => {
    const made = await call(0, "POST", "/api/instance/new", { name: "desk" });
    const own = made.body.instance.token;
    expect(made.status).toBe(201);
    await call(1, "POST", "/api/events/websocket/desk", { enabled: true });
    await until(async () => (await call(0, "GET", "/ws/desk", undefined, own)).status === 426);
    expect(await call(1, "GET", "/health")).toMatchObject({ status: 200, body: { checks: { db: "ok" } } });

    await call(0, "DELETE", "/api/instance/delete/desk");
    await until(async () => (await call(1, "GET", "/ws/desk", undefined, own)).status === 401);

    const created = async (node: number, name: string) =>
      (await call(node, "POST", "/api/instance/new", { name })).status;
    expect(await created(1, "second")).toBe(201);
    expect(await created(0, "third")).toBe(201);
    expect([await created(0, "fourth"), await created(1, "fifth")]).toEqual([429, 429]);
  });

  it("in transaction mode, are degraded, say why, and refuse what rests on tokens", async () => {
    await call(0, "POST", "/api/events/websocket/second", { enabled: true });
    await until(async () => (await call(1, "GET", "/ws/second")).status === 426);
    await bouncer.setMode("transaction");
    await until(async () => (await call(0, "GET", "/health")).status === 503);
    await until(async () => (await call(1, "GET", "/health")).status === 503);
    expect((await call(1, "GET", "/health")).body).toMatchObject({
      status: "degraded",
      checks: { db: "unheard" },
      reason: expect.stringContaining("a pooler in session mode"),
    });
    const { check } = createClient(Health, createGrpcTransport({ baseUrl: nodes[1]?.grpcUrl ?? "" }));
    expect((await check({})).status).toBe(Status.NOT_SERVING);
    expect(nodes[1]?.stderr).toContain("it refuses calls and upgrades until they do");
    expect(nodes[1]?.stderr).toContain("pool_mode = session");

    const text = "Changes of tokens and configurations do not reach this node. Try again later.";
    const refusal = { status: 503, retryAfter: "5", body: { success: false, error: { message: text } } };
    const event = { event: "label.update", data: {} };
    expect(await call(1, "GET", "/ws/second")).toMatchObject(refusal);
    expect(await call(1, "POST", "/api/events/publish/second", event)).toMatchObject(refusal);
    expect(await call(1, "GET", "/api/instance/list")).toMatchObject(refusal);
    expect(await call(1, "GET", "/api/instance/list", undefined, "who-is-new-here")).toMatchObject(refusal);

    await bouncer.setMode("session");
    await until(async () => (await call(1, "GET", "/ws/second")).status === 426);
    await until(async () => (await call(0, "GET", "/ws/second")).status === 426);
    expect((await call(1, "GET", "/health")).body.reason).toBeUndefined();
  });
});
