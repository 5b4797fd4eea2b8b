/** The producers' stream: every batch acknowledged, what cannot be published refused by name, the rest delivered. */

import { ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dataOf, openConsumer } from "../support/consumer.js";
import { eventOf, openEventStream } from "../support/event-stream.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";

const eventBytesMax = 64 * 1024;

let server: PublicServer;
beforeAll(async () => {
  server = await startPublicServer({ PUBLISH_MAX_BYTES: String(eventBytesMax) });
  for (const name of ["one", "two"]) await server.createInstance(name, `token-of-${name}`, { enabled: true });
});
afterAll(() => server.close());

const connect = (instance: string) => openConsumer(server.url, `/ws/${instance}?token=token-of-${instance}`);
const open = (token = server.accountToken) => openEventStream(server.server.grpcUrl, token);

describe("a stream of batches", () => {
  it("is acknowledged batch by batch, in order, and delivered to both instances in order", async () => {
    const consumers = [await connect("one"), await connect("two")];
    const stream = open();
    const batches = 40;
    const perBatch = 50;
    for (let b = 0; b < batches; b++) {
      const events = Array.from({ length: perBatch }, (_, i) =>
        eventOf(i % 2 === 0 ? "one" : "two", "call.update", `{"n":${b * perBatch + i}}`),
      );
      stream.send({ sequence: BigInt(1_000 + b), events });
    }
    for (let b = 0; b < batches; b++) {
      expect(await stream.acknowledgement()).toEqual({ sequence: 1_000 + b, published: perBatch, refusals: [] });
    }
    stream.end();
    expect(await stream.acknowledgement()).toBeUndefined();
    for (const [offset, consumer] of consumers.entries()) {
      const frames = await consumer.take((batches * perBatch) / 2);
      expect(frames.map((frame) => dataOf(frame).n)).toEqual(frames.map((_, i) => 2 * i + offset));
    }
  });

  it("refuses single events by place, reason and text, and publishes the others", async () => {
    const consumer = await connect("one");
    const stream = open();
    const good = (n: number) => eventOf("one", "call.update", `{"n":${n}}`);
    stream.send({
      sequence: 2n ** 53n - 1n,
      events: [
        good(0),
        eventOf("nobody's", "call.update", "{}"),
        eventOf("one", "call.Update", "{}"),
        eventOf("one", "call.update", '{"n":'),
        good(1),
        eventOf("one", "call.update", "[]"),
        { instance: "one", event: "call.update" },
        eventOf("one", "call.update", `{"text":"${"x".repeat(eventBytesMax)}"}`),
        { ...good(9), media: Buffer.from("no place for it") },
        good(2),
      ],
    });
    const invalid = { reason: "INVALID_REQUEST_BODY", message: "Invalid request body" };
    expect(await stream.acknowledgement()).toEqual({
      sequence: Number.MAX_SAFE_INTEGER,
      published: 3,
      refusals: [
        { index: 1, reason: "INSTANCE_NOT_FOUND", message: "Instance not found" },
        { index: 2, ...invalid },
        { index: 3, ...invalid },
        { index: 5, ...invalid },
        { index: 6, ...invalid },
        { index: 7, reason: "EVENT_TOO_LARGE", message: "Event too large" },
        { index: 8, ...invalid },
      ],
    });
    expect((await consumer.take(3)).map((frame) => dataOf(frame).n)).toEqual([0, 1, 2]);
    stream.send({ sequence: 0n, events: [] });
    expect(await stream.acknowledgement()).toEqual({ sequence: 0, published: 0, refusals: [] });
    stream.end();
  });

  it.each([
    ["of an instance", "token-of-one"],
    ["that nobody has", "nobody's"],
  ])("does not begin with a token %s", async (_, token) => {
    const stream = open(token);
    stream.send({ events: [eventOf("one", "call.update", "{}")] });
    const refusal = await stream.acknowledgement().catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(ConnectError);
    expect((refusal as ConnectError).message).toBe("[unauthenticated] Invalid token");
  });

  it("ends with the batch behind the revocation of its account", async () => {
    const { account, token } = await server.createAccount("to be revoked");
    const stream = open(token);
    stream.send({ events: [eventOf("one", "call.update", "{}")] });
    expect(await stream.acknowledgement()).toMatchObject({
      published: 0,
      refusals: [{ index: 0, reason: "INSTANCE_NOT_FOUND" }],
    });
    await server.operate((store) => store.revokeAccount(account.id));
    const isKnown = async () => (await fetch(`${server.url}/api/instance/list`, { headers: { token } })).status === 200;
    while (await isKnown());
    stream.send({ events: [eventOf("one", "call.update", "{}")] });
    await expect(stream.acknowledgement()).rejects.toThrow("[unauthenticated] Invalid token");
  });
});

describe("the state of an instance", () => {
  async function listed(): Promise<unknown> {
    const { text } = await server.call("GET", "/api/instance/list?instanceName=one");
    const [{ status, connection }] = JSON.parse(text).instances;
    return [status, connection.state];
  }

  it("follows its instance.state events, connected or not, and no other event", async () => {
    expect(await listed()).toEqual(["disconnected", "disconnected"]);
    for (const state of ["qr_ready", "connected", "logged_out"]) {
      await server.call("POST", "/api/events/publish/one", { event: "instance.state", data: { state } });
      expect(await listed()).toEqual([state, state]);
    }
    const others = [
      { event: "message.status", data: { state: "read" } },
      { event: "instance.state", data: {} },
      { event: "instance.state", data: { state: 7 } },
      { event: "instance.state", data: { state: "" } },
    ];
    for (const event of others) {
      expect(await server.call("POST", "/api/events/publish/one", event)).toMatchObject({ status: 200 });
    }
    expect(await listed()).toEqual(["logged_out", "logged_out"]);
  });

  it("is the last one of a stream", async () => {
    const stream = open();
    const states = Array.from({ length: 500 }, (_, n) => `state-${n}`);
    stream.send({ events: states.map((state) => eventOf("one", "instance.state", `{"state":"${state}"}`)) });
    expect(await stream.acknowledgement()).toMatchObject({ published: 500 });
    stream.end();
    expect(await listed()).toEqual(["state-499", "state-499"]);
  });
});
