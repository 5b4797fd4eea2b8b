/** Every sentence of the "Set Websocket" document that is not an example: description, parameters, notes, errors. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventTypes } from "../../src/domain/event-type.js";
import { type Consumer, dataOf, openConsumer } from "../support/consumer.js";
import { startDatabaseProxy } from "../support/database-proxy.js";
import { eventOf, openEventStream } from "../support/event-stream.js";
import { createTestDatabase } from "../support/postgres.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { publishedText } from "../support/published.js";
import { scrape } from "../support/scrape.js";

let server: PublicServer;
beforeAll(async () => {
  server = await startPublicServer();
});
afterAll(() => server.close());

async function answer(method: string, path: string, token: string, body?: unknown) {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { token, "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const { status, headers } = response;
  // biome-ignore lint/suspicious/noExplicitAny: whatever JSON it is, the test says what it must be.
  return { status, headers, body: (await response.json()) as any };
}

function set(instance: string, websocket: unknown, token = server.accountToken) {
  return answer("POST", `/api/events/websocket/${instance}`, token, websocket);
}

async function publish(instance: string, event: string, data: object): Promise<void> {
  const { text } = await server.call("POST", `/api/events/publish/${instance}`, { event, data });
  expect(text).toEqual(publishedText());
}

function connectTo(instance: string): Promise<Consumer> {
  return openConsumer(server.url, `/ws/${instance}?token=token-of-${instance}`);
}

/** Makes an instance with the token `token-of-<name>`. */
function create(name: string, websocket?: object): Promise<void> {
  return server.createInstance(name, `token-of-${name}`, websocket);
}

function envelope(message: string): object {
  return { success: false, error: { message } };
}

describe("the description", () => {
  it("TokenAccount or TokenInstance", async () => {
    await create("auth");
    expect(await set("auth", { enabled: true }, server.accountToken)).toMatchObject({ status: 200 });
    expect(await set("auth", { enabled: true }, "token-of-auth")).toMatchObject({ status: 200 });
  });

  it("Idempotent: yes (upsert)", async () => {
    await create("upsert");
    const websocket = { enabled: true, events: ["label.update"], mediaBase64: true };
    const first = await set("upsert", websocket);
    expect(await set("upsert", websocket)).toMatchObject({ status: 200, body: first.body });
  });

  it("there is a single configuration per instance", async () => {
    await create("single", { enabled: true, events: ["label.update"], mediaBase64: true });
    await set("single", { enabled: true, events: ["group.flow"] });
    const { body } = await answer("GET", "/api/events/getWebsocket/single", "token-of-single");
    expect(body).toMatchObject({ websocket: { enabled: true, events: ["group.flow"], mediaBase64: false } });
  });

  it("this endpoint does not open a connection, it only authorizes the later upgrade", async () => {
    await create("later");
    await expect(connectTo("later")).rejects.toThrow("Unexpected server response: 400");
    expect(await set("later", { enabled: true })).toMatchObject({ status: 200 });
    await connectTo("later");
  });

  it("without any filter, the client receives all event types", async () => {
    await create("unfiltered", { enabled: true });
    const consumer = await connectTo("unfiltered");
    for (const event of eventTypes) await publish("unfiltered", event, {});
    const frames = await consumer.take(eventTypes.length);
    expect(frames.map((frame) => JSON.parse(frame).event)).toEqual(eventTypes);
  });

  it("a narrow filter: only message.exchange and message.status, media base64-encoded", async () => {
    await create("narrow", { enabled: true, events: ["message.exchange", "message.status"], mediaBase64: true });
    const consumer = await connectTo("narrow");
    const media = { type: "image", mimetype: "image/png", base64: "iVBORw0KGgo=" };
    for (const event of eventTypes) await publish("narrow", event, { message: { media } });
    const [exchange = "", status = ""] = await consumer.take(2);
    expect([exchange, status].map((frame) => JSON.parse(frame).event)).toEqual(["message.exchange", "message.status"]);
    expect(dataOf(exchange)).toEqual({ message: { media } });
  });
});

describe("the notes", () => {
  it("does not persist events: without anybody connected the event is discarded before any serialization", async () => {
    await create("nobody", { enabled: true });
    const names = ["eventwire_events_without_client_total", "eventwire_frames_built_total"];
    const [discarded = 0, built] = await scrape(server.server.grpcUrl, ...names);
    await publish("nobody", "call.update", { callId: "before" });
    expect(await scrape(server.server.grpcUrl, ...names)).toEqual([discarded + 1, built]);
    const consumer = await connectTo("nobody");
    await publish("nobody", "call.update", { callId: "after" });
    expect(dataOf(await consumer.next())).toEqual({ callId: "after" });
  });

  it("no retry: what was sent to a socket that dropped is lost", async () => {
    await create("dropped", { enabled: true });
    const first = await connectTo("dropped");
    first.socket.pause();
    await publish("dropped", "call.update", { callId: "lost" });
    first.socket.terminate();
    const second = await connectTo("dropped");
    await publish("dropped", "call.update", { callId: "seen" });
    expect(dataOf(await second.next())).toEqual({ callId: "seen" });
  });

  it("enabled=false keeps open connections, and new ones fail with 400", async () => {
    await create("disabled", { enabled: true });
    const consumer = await connectTo("disabled");
    expect(await set("disabled", { enabled: false })).toMatchObject({ status: 200 });
    await expect(connectTo("disabled")).rejects.toThrow("Unexpected server response: 400");
    await publish("disabled", "call.update", { callId: "still here" });
    expect(dataOf(await consumer.next())).toEqual({ callId: "still here" });
  });

  it("each instance can have N simultaneous clients (broadcast)", async () => {
    await create("many", { enabled: true });
    const consumers = await Promise.all(Array.from({ length: 200 }, () => connectTo("many")));
    await publish("many", "call.update", { callId: "1" });
    const frames = await Promise.all(consumers.map((consumer) => consumer.next()));
    expect(new Set(frames).size).toBe(1);
  });

  it("slow clients are disconnected automatically, and the others get every message", async () => {
    await create("slow", { enabled: true });
    const reader = await connectTo("slow");
    const slow = await connectTo("slow");
    slow.socket.pause();
    const stream = openEventStream(server.server.grpcUrl, server.accountToken);
    const padding = "x".repeat(100_000);
    let closed = 0;
    let sent = 0;
    while (closed === 0) {
      const batch = Array.from({ length: 16 }, (_, i) => `{"callId":"${sent + i}","padding":"${padding}"}`);
      stream.send({ events: batch.map((data) => eventOf("slow", "call.update", data)) });
      sent += batch.length;
      expect(await stream.acknowledgement()).toMatchObject({ published: batch.length });
      [closed = 0] = await scrape(server.server.grpcUrl, 'eventwire_socket_closes_total{code="4008"}');
    }
    stream.end();
    expect(sent).toBeGreaterThan(256);
    slow.socket.resume();
    expect(await slow.closed).toEqual([4008, "slow consumer"]);
    const frames = await reader.take(sent);
    expect(frames.map((frame) => dataOf(frame).callId)).toEqual(Array.from({ length: sent }, (_, i) => String(i)));
  });

  it("the same block can be passed to POST /api/instance/new", async () => {
    const { status, body } = await answer("POST", "/api/instance/new", server.accountToken, {
      name: "inline",
      websocketEnabled: true,
      websocketEvents: ["message.exchange"],
      websocketMediaBase64: true,
    });
    const websocket = { enabled: true, events: ["message.exchange"], mediaBase64: true };
    expect([status, body.websocket]).toEqual([201, websocket]);
    const { body: read } = await answer("GET", "/api/events/getWebsocket/inline", body.instance.token);
    expect(read.websocket).toEqual(websocket);
  });
});

describe("the errors", () => {
  beforeAll(() => create("errors", { enabled: true }));

  it.each([
    ["enabled is required", {}],
    ["enabled is a boolean", { enabled: "true" }],
    ["events is a string[]", { enabled: true, events: "message.exchange" }],
    ["values must be event types", { enabled: true, events: ["message.exchange", "message.deleted"] }],
    ["mediaBase64 is a boolean", { enabled: true, mediaBase64: 1 }],
  ])("400 Invalid request body: %s", async (_, body) => {
    expect(await set("errors", body)).toMatchObject({ status: 400, body: envelope("Invalid request body") });
  });

  it("401 Invalid token", async () => {
    expect(await set("errors", { enabled: true }, "nobody's")).toMatchObject({
      status: 401,
      body: envelope("Invalid token"),
    });
  });

  it("404 Instance not found", async () => {
    expect(await set("unknown", { enabled: true })).toMatchObject({
      status: 404,
      body: envelope("Instance not found"),
    });
  });

  it("429 Rate limit exceeded: global, 100 a minute", async () => {
    const limited = await startPublicServer({ RATE_LIMIT_GLOBAL: "" });
    try {
      await limited.createInstance("limited", "token-of-limited");
      const call = () =>
        fetch(`${limited.url}/api/events/websocket/limited`, {
          method: "POST",
          headers: { token: "token-of-limited", "content-type": "application/json" },
          body: '{"enabled":true}',
        });
      // In tens: a hundred edits of one row at once wait for each other, on a busy machine longer than a write may take.
      for (let ten = 0; ten < 10; ten++) {
        const granted = await Promise.all(Array.from({ length: 10 }, call));
        expect(granted.map(({ status }) => status)).toEqual(granted.map(() => 200));
      }
      const refused = await call();
      expect([refused.status, await refused.json()]).toEqual([429, envelope("Rate limit exceeded. Try again later.")]);
    } finally {
      await limited.close();
    }
  });

  it("500 Failed to get instance", async () => {
    const database = await createTestDatabase();
    const proxy = await startDatabaseProxy(database.url);
    const broken = await startPublicServer({ DATABASE_URL: proxy.url });
    try {
      await broken.createInstance("broken", "token-of-broken");
      await proxy.cut();
      const { status, text } = await broken.call("POST", "/api/events/websocket/broken", { enabled: true });
      expect([status, JSON.parse(text)]).toEqual([500, envelope("Failed to get instance")]);
    } finally {
      await broken.close();
      await proxy.close();
      await database.drop();
    }
  });
});
