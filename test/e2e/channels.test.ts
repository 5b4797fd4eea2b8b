/** Which events a socket gets: filters, their edits, what a disable leaves, and the wall between accounts. */

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type EventType, eventTypes } from "../../src/domain/event-type.js";
import { type Consumer, dataOf, openConsumer } from "../support/consumer.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { scrape } from "../support/scrape.js";

let server: PublicServer;
beforeAll(async () => {
  server = await startPublicServer();
});
afterAll(() => server.close());

/** One account as its client sees the gateway. */
class Account {
  readonly token: string;

  constructor(token: string) {
    this.token = token;
  }

  async call(method: string, path: string, body?: object): Promise<{ status: number; body: Record<string, unknown> }> {
    const response = await fetch(`${server.url}${path}`, {
      method,
      headers: { token: this.token, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  async set(instance: string, websocket: object): Promise<void> {
    expect(await this.call("POST", `/api/events/websocket/${instance}`, websocket)).toMatchObject({ status: 200 });
  }

  async publish(instance: string, event: EventType, data: object): Promise<void> {
    expect(await this.call("POST", `/api/events/publish/${instance}`, { event, data })).toMatchObject({ status: 200 });
  }

  /** One of each type, each with its number. */
  async publishAll(instance: string): Promise<void> {
    for (const event of eventTypes) await this.publish(instance, event, {});
  }

  open(instance: string): Promise<Consumer> {
    return openConsumer(server.url, `/ws/${instance}?token=${this.token}`);
  }
}

/** The types of what a consumer gets up to the first event of this type. */
async function typesUntil(consumer: Consumer, last: EventType): Promise<EventType[]> {
  const types: EventType[] = [];
  while (types.at(-1) !== last) types.push(JSON.parse(await consumer.next()).event);
  return types;
}

describe("a filter", () => {
  let owner: Account;
  let instance: string;
  let made = 0;
  beforeEach(async () => {
    owner = new Account(server.accountToken);
    instance = `filter-${++made}`;
    await server.createInstance(instance, `token-of-${instance}`, { enabled: true });
  });

  it.each(eventTypes)("of %s alone gives that and nothing else", async (type) => {
    await owner.set(instance, { enabled: true, events: [type] });
    const consumer = await owner.open(instance);
    await owner.publishAll(instance);
    await owner.publish(instance, type, { last: true });
    const [first = "", second = ""] = await consumer.take(2);
    expect([JSON.parse(first).event, JSON.parse(second).event]).toEqual([type, type]);
    expect(dataOf(second)).toEqual({ last: true });
  });

  it("is the same for a type that is named twice", async () => {
    await owner.set(instance, { enabled: true, events: ["group.flow", "group.flow"] });
    const consumer = await owner.open(instance);
    await owner.publish(instance, "group.flow", { n: 1 });
    await owner.publish(instance, "group.flow", { n: 2 });
    expect((await consumer.take(2)).map((frame) => dataOf(frame).n)).toEqual([1, 2]);
  });

  it("that was edited is in force on open sockets for the next event after the answer", async () => {
    const consumers = [await owner.open(instance), await owner.open(instance)];
    for (let n = 0; n < 20; n++) {
      const wanted = eventTypes[n % eventTypes.length] as EventType;
      await owner.set(instance, { enabled: true, events: [wanted] });
      await owner.publishAll(instance);
    }
    await owner.set(instance, { enabled: true });
    await owner.publishAll(instance);
    const expected = [...Array.from({ length: 20 }, (_, n) => eventTypes[n % eventTypes.length]), ...eventTypes];
    for (const consumer of consumers) {
      expect((await consumer.take(expected.length)).map((frame) => JSON.parse(frame).event)).toEqual(expected);
    }
  });

  it("and mediaBase64 are both changed by an edit", async () => {
    const consumer = await owner.open(instance);
    const data = { message: { media: { base64: "QUJD" } } };
    await owner.publish(instance, "message.exchange", data);
    await owner.set(instance, { enabled: true, mediaBase64: true });
    await owner.publish(instance, "message.exchange", data);
    const [without = "", withMedia = ""] = await consumer.take(2);
    expect(dataOf(without)).toEqual({ message: { media: {} } });
    expect(dataOf(withMedia)).toEqual(data);
  });

  it("is never widened by a disable, and a new one is taken over when the channel is enabled again", async () => {
    await owner.set(instance, { enabled: true, events: ["message.status", "call.update"], mediaBase64: true });
    const consumer = await owner.open(instance);
    await owner.set(instance, { enabled: false, events: ["label.update"] });
    await owner.publishAll(instance);
    expect(await typesUntil(consumer, "call.update")).toEqual(["message.status", "call.update"]);
    await owner.set(instance, { enabled: false });
    await owner.publishAll(instance);
    expect(await typesUntil(consumer, "call.update")).toEqual(["message.status", "call.update"]);
    await owner.set(instance, { enabled: true, events: ["label.update"] });
    await owner.publishAll(instance);
    expect(await typesUntil(consumer, "label.update")).toEqual(["label.update"]);
  });

  it("that takes nothing costs no frame, and any number of sockets costs one", async () => {
    await owner.set(instance, { enabled: true, events: ["call.update"] });
    const consumers = await Promise.all(Array.from({ length: 25 }, () => owner.open(instance)));
    const names = [
      "eventwire_events_published_total",
      "eventwire_events_without_client_total",
      "eventwire_events_filtered_total",
      "eventwire_frames_built_total",
      "eventwire_frames_delivered_total",
    ];
    const before = await scrape(server.server.grpcUrl, ...names);
    for (let n = 0; n < 10; n++) await owner.publish(instance, "message.exchange", { n });
    await owner.publish(instance, "call.update", {});
    for (const consumer of consumers) await consumer.next();
    const after = await scrape(server.server.grpcUrl, ...names);
    expect(after.map((count, i) => count - (before[i] ?? 0))).toEqual([11, 0, 10, 1, 25]);
  });
});

describe("two accounts with an instance of the same name", () => {
  let ours: Account;
  let theirs: Account;
  beforeAll(async () => {
    const { token } = await server.createAccount("theirs");
    ours = new Account(server.accountToken);
    theirs = new Account(token);
    for (const account of [ours, theirs]) {
      expect(await account.call("POST", "/api/instance/new", { name: "desk" })).toMatchObject({ status: 201 });
    }
    await ours.call("POST", "/api/instance/new", { name: "only-ours" });
  });

  it("have two configurations", async () => {
    await ours.set("desk", { enabled: true, events: ["call.update"] });
    expect(await theirs.call("GET", "/api/events/getWebsocket/desk")).toMatchObject({
      status: 404,
      body: { error: { message: "WebSocket not configured for this instance" } },
    });
    await theirs.set("desk", { enabled: true });
    expect(await ours.call("GET", "/api/events/getWebsocket/desk")).toMatchObject({
      body: { websocket: { events: ["call.update"] } },
    });
  });

  it("get their own frames only", async () => {
    for (const account of [ours, theirs]) await account.set("desk", { enabled: true });
    const [our, their] = [await ours.open("desk"), await theirs.open("desk")];
    await ours.publish("desk", "call.update", { of: "ours" });
    await theirs.publish("desk", "call.update", { of: "theirs" });
    for (const [consumer, of] of [
      [our, "ours"],
      [their, "theirs"],
    ] as const) {
      const frame = await consumer.next();
      expect(dataOf(frame)).toEqual({ of });
    }
    // What came after the first frame would be the other's.
    await ours.publish("desk", "call.update", { last: true });
    await theirs.publish("desk", "call.update", { last: true });
    for (const consumer of [our, their]) expect(dataOf(await consumer.next())).toEqual({ last: true });
  });

  it("do not learn that an instance of the other exists", async () => {
    const unknown = { status: 404, body: { success: false, error: { message: "Instance not found" } } };
    for (const name of ["only-ours", "nobody's"]) {
      expect(await theirs.call("GET", `/api/events/getWebsocket/${name}`)).toEqual(unknown);
      expect(await theirs.call("POST", `/api/events/websocket/${name}`, { enabled: true })).toEqual(unknown);
      expect(await theirs.call("POST", `/api/events/publish/${name}`, { event: "call.update", data: {} })).toEqual(
        unknown,
      );
      expect(await theirs.call("DELETE", `/api/instance/delete/${name}`)).toEqual(unknown);
      expect(await theirs.call("GET", `/api/instance/list?instanceName=${name}`)).toEqual(unknown);
      expect(await theirs.call("GET", `/ws/${name}`)).toEqual(unknown);
    }
    const { body } = await theirs.call("GET", "/api/instance/list");
    expect((body.instances as { name: string }[]).map(({ name }) => name)).toEqual(["desk"]);
  });

  it("an instance's token opens its own only, although the name fits", async () => {
    const { body } = await theirs.call("GET", "/api/instance/list?instanceName=desk");
    const [{ token } = { token: "" }] = body.instances as { token: string }[];
    await ours.set("desk", { enabled: true });
    await theirs.set("desk", { enabled: true });
    const consumer = await openConsumer(server.url, `/ws/desk?token=${token}`);
    await ours.publish("desk", "call.update", { of: "ours" });
    await theirs.publish("desk", "call.update", { of: "theirs" });
    expect(dataOf(await consumer.next())).toEqual({ of: "theirs" });
  });

  it("lose theirs only when one deletes", async () => {
    for (const account of [ours, theirs]) await account.set("desk", { enabled: true });
    const [our, their] = [await ours.open("desk"), await theirs.open("desk")];
    expect(await ours.call("DELETE", "/api/instance/delete/desk")).toMatchObject({ status: 200 });
    expect(await our.closed).toEqual([4004, "instance deleted"]);
    await theirs.publish("desk", "call.update", { of: "theirs" });
    expect(dataOf(await their.next())).toEqual({ of: "theirs" });
  });
});
