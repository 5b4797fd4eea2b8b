/** A client of `eventwire.v1` reads in a frame why it is refused; a client that sees HTTP reads it there. */

import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { eventTypeRule } from "../../src/domain/event-type.js";
import { openConsumer } from "../support/consumer.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { openRaw, sendRaw, upgradeHead } from "../support/raw-http.js";
import { scrape } from "../support/scrape.js";
import { until } from "../support/until.js";

let server: PublicServer;

beforeAll(async () => {
  server = await startPublicServer({ ALLOWED_ORIGINS: "https://app.example.net" });
  await server.createInstance("desk-1", "ti_desk-one", { enabled: true });
  await server.createInstance("off", "ti_switched-off");
});

afterAll(() => server.close());

const v1 = "Sec-WebSocket-Protocol: eventwire.v1";
const enableIt = "WebSocket is not enabled for this instance. Configure it first using POST /api/events/websocket/off";

type Row = [
  name: string,
  path: string,
  status: number,
  reason: string,
  message: string,
  rule: string | null,
  close: [number, string],
];

const notAllowed: [number, string] = [4003, "not allowed"];
const protocolError: [number, string] = [4000, "protocol error"];
const invalidToken: [number, string] = [4401, "invalid token"];

const refusals: Row[] = [
  [
    "no token",
    "/ws/desk-1?",
    401,
    "MISSING_TOKEN",
    "Missing token in header, Authorization header, or query parameter",
    null,
    invalidToken,
  ],
  ["an unknown token", "/ws/desk-1?token=nobody", 401, "INVALID_TOKEN", "Invalid token", null, invalidToken],
  ["a ticket", "/ws/desk-1?ticket=tk_1", 401, "INVALID_TOKEN", "Invalid token", null, invalidToken],
  [
    "another instance",
    "/ws/desk-1?token=ti_switched-off",
    403,
    "INSTANCE_MISMATCH",
    "Instance token does not match requested instance",
    null,
    notAllowed,
  ],
  [
    "a channel that is off",
    "/ws/off?token=ti_switched-off",
    400,
    "WEBSOCKET_DISABLED",
    enableIt,
    null,
    [4005, "channel not enabled"],
  ],
  [
    "an unknown type",
    "/ws/off?token=ti_switched-off&events=call.update,x",
    400,
    "INVALID_REQUEST",
    "Invalid request",
    `events[1] ${eventTypeRule}`,
    protocolError,
  ],
  [
    "a type in another case",
    "/ws/desk-1?token=ti_desk-one&events=Call.Update",
    400,
    "INVALID_REQUEST",
    "Invalid request",
    `events[0] ${eventTypeRule}`,
    protocolError,
  ],
  [
    "too many types",
    `/ws/desk-1?token=ti_desk-one&events=${"call.update,".repeat(65)}`,
    400,
    "INVALID_REQUEST",
    "Invalid request",
    "events must have at most 64 items",
    protocolError,
  ],
  [
    "a position that is too long",
    `/ws/desk-1?token=ti_desk-one&after=${"x".repeat(65)}`,
    400,
    "INVALID_REQUEST",
    "Invalid request",
    "after must be 1 to 64 visible ASCII characters",
    protocolError,
  ],
  [
    "an id with a line break",
    "/ws/desk-1?token=ti_desk-one&previous=a%0Ab",
    400,
    "INVALID_REQUEST",
    "Invalid request",
    "previous must be 1 to 64 visible ASCII characters",
    protocolError,
  ],
  [
    "another protocol",
    "/ws/desk-1?token=ti_desk-one&protocol=eventwire.v2",
    400,
    "INVALID_REQUEST",
    "Invalid request",
    "protocol must be eventwire.v1",
    protocolError,
  ],
  [
    "another form of refusal",
    "/ws/desk-1?token=ti_desk-one&refusal=mail",
    400,
    "INVALID_REQUEST",
    "Invalid request",
    "refusal must be http",
    protocolError,
  ],
];

describe("a refused client of eventwire.v1", () => {
  it.each(refusals)(
    "reads why in a frame and in the close code: %s",
    async (_, path, status, reason, message, rule, close) => {
      const consumer = await openConsumer(server.url, path, {}, ["eventwire.v1"]);
      expect(await consumer.next()).toBe(
        JSON.stringify({ control: "refused", status, message, reconnect: false, retryAfterMs: 0, reason, rule }),
      );
      expect(await consumer.closed).toEqual(close);
      expect(consumer.socket.protocol).toBe("eventwire.v1");
    },
  );

  it("by its account's token reads that the instance is unknown", async () => {
    const consumer = await openConsumer(server.url, `/ws/desk-9?token=${server.accountToken}`, {}, ["eventwire.v1"]);
    expect(JSON.parse(await consumer.next())).toMatchObject({ status: 404, message: "Instance not found" });
    expect(await consumer.closed).toEqual([4004, "instance deleted"]);
  });

  it("on a page of a foreign origin reads that too, and asked in the query", async () => {
    const path = "/ws/desk-1?token=ti_desk-one&protocol=eventwire.v1";
    const consumer = await openConsumer(server.url, path, { origin: "https://evil.example.net" });
    expect(JSON.parse(await consumer.next())).toMatchObject({ status: 403, reason: "ORIGIN_NOT_ALLOWED" });
    expect(await consumer.closed).toEqual(notAllowed);
    expect(consumer.socket.protocol).toBe("");
  });

  it("has the headers of the refusal beside the 101", async () => {
    const response = await sendRaw(server.port, upgradeHead("/ws/desk-1?token=nobody", v1));
    expect(response?.status).toBe(101);
    expect(response?.headers.get("eventwire-error")).toEqual(["INVALID_TOKEN"]);
  });

  it("joins nothing, and is counted and logged like every other", async () => {
    const count = () => scrape(server.server.grpcUrl, 'eventwire_upgrades_total{outcome="INVALID_TOKEN"}');
    const [[before = 0], logged] = [await count(), server.log.length];
    const consumer = await openConsumer(server.url, "/ws/desk-1?token=nobody", {}, ["eventwire.v1"]);
    expect(await scrape(server.server.grpcUrl, "eventwire_sockets")).toEqual([0]);
    await consumer.closed;
    expect(await count()).toEqual([before + 1]);
    const lines = server.log.slice(logged).map((line) => JSON.parse(line));
    expect(lines.filter(({ msg }) => msg === "upgrade refused")).toMatchObject([{ reason: "INVALID_TOKEN" }]);
  });

  it("that says nothing at all gets the frame and the close code byte for byte, and ends", async () => {
    const connection = await openRaw(server.port);
    await connection.send(upgradeHead("/ws/desk-1?token=nobody", v1));
    expect((await connection.response())?.status).toBe(101);
    const text = JSON.stringify({
      control: "refused",
      status: 401,
      message: "Invalid token",
      reconnect: false,
      retryAfterMs: 0,
      reason: "INVALID_TOKEN",
      rule: null,
    });
    const refused = `\x81\x7e${String.fromCharCode(text.length >> 8, text.length & 255)}${text}`;
    expect(await connection.ended()).toBe(`${refused}\x89\x00\x88\x0f\x11\x31invalid token`);
  });
});

describe("the refusal is plain HTTP", () => {
  it.each([
    ["for a client that does not ask for eventwire.v1", "/ws/desk-1?token=nobody", []],
    ["for a client with its token in a header", "/ws/desk-1", [v1, "token: nobody"]],
    ["for a client with its token as a bearer", "/ws/desk-1?protocol=eventwire.v1", ["Authorization: Bearer nobody"]],
    ["for a client that wants it so", "/ws/desk-1?token=nobody&refusal=http", [v1]],
    ["for a client that offers another sub-protocol", "/ws/desk-1?token=nobody", ["Sec-WebSocket-Protocol: chat"]],
    ["for a request that is no handshake", "/ws/desk-1?token=nobody", [v1, "Sec-WebSocket-Version: 8"]],
    ["for a request that two parsers could read in two ways", "/ws/desk-1?token=nobody", [v1, "Host: a", "Host: b"]],
  ])("%s", async (_, path, lines) => {
    const response = await sendRaw(server.port, upgradeHead(path, ...lines));
    expect(response).toMatchObject({ status: 401, body: '{"success":false,"error":{"message":"Invalid token"}}' });
  });
});

it("at most 256 clients at a time are told in a frame; the next one reads plain HTTP, until one has gone", async () => {
  const node = await startPublicServer();
  onTestFinished(() => node.close());
  const head = upgradeHead("/ws/desk-1?token=nobody", v1);
  const silent = await Promise.all(Array.from({ length: 256 }, () => openRaw(node.port)));
  onTestFinished(() => {
    for (const connection of silent) connection.destroy();
  });
  await Promise.all(silent.map((connection) => connection.send(head)));
  const answers = await Promise.all(silent.map((connection) => connection.response()));
  expect(answers.map((answer) => answer?.status)).toEqual(answers.map(() => 101));
  expect((await sendRaw(node.port, head))?.status).toBe(401);
  const [first] = silent;
  first?.destroy();
  await expect.poll(async () => (await sendRaw(node.port, head))?.status).toBe(101);
});

it("clients that read and answer are told one after the other, however many they are", async () => {
  for (let n = 0; n < 300; n++) {
    const consumer = await openConsumer(server.url, "/ws/desk-1?token=nobody", {}, ["eventwire.v1"]);
    expect((await consumer.closed)[0]).toBe(4401);
  }
});

it("guesses are charged to the address, and the client is told when to come back", async () => {
  const limited = await startPublicServer({ RATE_LIMIT_GLOBAL: "2" });
  onTestFinished(() => limited.close());
  const guess = () => openConsumer(limited.url, "/ws/desk-1?token=nobody", {}, ["eventwire.v1"]);
  for (const left of [1, 0]) {
    const response = await sendRaw(limited.port, upgradeHead("/ws/desk-1?token=nobody", v1));
    expect(response?.headers.get("x-ratelimit-remaining")).toEqual([String(left)]);
  }
  const consumer = await guess();
  const refused = JSON.parse(await consumer.next());
  expect(refused).toMatchObject({ status: 429, reconnect: true, reason: "RATE_LIMITED", rule: null });
  expect(refused.retryAfterMs).toBeGreaterThanOrEqual(1_000);
  expect(refused.retryAfterMs).toBeLessThanOrEqual(65_000);
  expect(await consumer.closed).toEqual([4029, "rate limit"]);
  const [response] = [await sendRaw(limited.port, upgradeHead("/ws/desk-1?token=nobody", v1))];
  expect(response?.status).toBe(101);
  expect(Number(response?.headers.get("retry-after")?.[0])).toBeGreaterThan(0);
});

it("a node that leaves says so, and that the client should come back", { timeout: 30_000 }, async () => {
  const leaving = await startPublicServer({ DRAIN_SECONDS: "3" });
  await leaving.createInstance("desk-1", "ti_desk-one", { enabled: true });
  // While a socket is open, the node drains.
  const open = await openConsumer(leaving.url, "/ws/desk-1?token=ti_desk-one");
  const closed = leaving.close();
  await until(async () => leaving.log.some((line) => line.includes('"draining"')));
  const consumer = await openConsumer(leaving.url, "/ws/desk-1?token=ti_desk-one", {}, ["eventwire.v1"]);
  expect(JSON.parse(await consumer.next())).toMatchObject({ status: 503, reason: "SHUTTING_DOWN", reconnect: true });
  expect(await consumer.closed).toEqual([4500, "internal error"]);
  open.socket.terminate();
  await closed;
});
