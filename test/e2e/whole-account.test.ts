/** `GET /ws`: one connection gets all instances of an account, and is told of instances that come, change and go. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openConsumer } from "../support/consumer.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { sendRaw, upgradeHead } from "../support/raw-http.js";
import { openV1, type V1Consumer } from "../support/v1-consumer.js";

let server: PublicServer;

beforeAll(async () => {
  server = await startPublicServer();
});
afterAll(() => server.close());

const path = (token = server.accountToken) => `/ws?token=${token}`;

/** Greeted. */
async function open(query = ""): Promise<V1Consumer> {
  const consumer = await openV1(server.url, `${path()}${query}`);
  expect(await consumer.frame()).toMatchObject({ control: "hello", instance: "", configurationVersion: 0 });
  return consumer;
}

const publish = (instance: string, event: string, n: number, more: object = {}) =>
  server.call("POST", `/api/events/publish/${instance}`, { event, data: { n }, ...more });

/** The next events: which instance, and which number. */
async function events(consumer: V1Consumer, count: number): Promise<string[]> {
  const frames = (await consumer.take(count)).map((text) => JSON.parse(text));
  return frames.map(({ instanceData, data }) => `${instanceData.instance} ${data.n}`);
}

describe("a connection to a whole account", () => {
  it("gets the events of all instances, each by the filter of its own channel", async () => {
    await server.createInstance("all-types", "ti_all-types", { enabled: true });
    await server.createInstance("calls-only", "ti_calls-only", { enabled: true, events: ["call.update"] });
    await server.createInstance("off", "ti_switched-off");
    const whole = await open();
    const calls = await open("&events=call.update");
    const plain = await openConsumer(server.url, `/ws/all-types?token=${server.accountToken}`);
    let n = 0;
    for (const instance of ["all-types", "calls-only", "off"])
      for (const event of ["label.update", "call.update"]) await publish(instance, event, ++n);
    expect(await events(whole, 3)).toEqual(["all-types 1", "all-types 2", "calls-only 4"]);
    expect(await events(calls, 2)).toEqual(["all-types 2", "calls-only 4"]);
    expect(await plain.take(2)).toHaveLength(2);
    const { text } = await publish("calls-only", "call.update", ++n, { receipt: true });
    expect(JSON.parse(text)).toMatchObject({ sockets: 2 });
    expect(await events(whole, 1)).toEqual(["calls-only 7"]);
  });

  it("carries no token, and the event as a connection to the instance has it", async () => {
    await server.createInstance("same", "ti_same-bytes", { enabled: true });
    const [whole, single] = [await open(), await openV1(server.url, `/ws/same?token=ti_same-bytes`)];
    await single.next();
    await publish("same", "label.update", 1);
    const text = await whole.next();
    expect(text).toBe(await single.next());
    expect(text).not.toContain("ti_");
  });

  it("is told of an instance that is created, enabled, changed, disabled and deleted", async () => {
    const whole = await open();
    await server.createInstance("new", "ti_new-instance");
    await publish("new", "label.update", 1);
    const configure = (websocket: object) => server.call("POST", "/api/events/websocket/new", websocket);
    await configure({ enabled: true, events: ["label.update"], mediaBase64: true });
    await publish("new", "label.update", 2);
    await configure({ enabled: false });
    await publish("new", "label.update", 3);
    await server.call("DELETE", "/api/instance/delete/new");
    const told = (change: string, enabled: boolean, filter: object, configurationVersion: number) =>
      JSON.stringify({ control: "config_changed", instance: "new", enabled, filter, configurationVersion, change });
    const nothing = { events: [], mediaBase64: false };
    expect(await whole.next()).toBe(told("created", false, nothing, 0));
    expect(await whole.next()).toBe(told("changed", true, { events: ["label.update"], mediaBase64: true }, 1));
    expect(await events(whole, 1)).toEqual(["new 2"]);
    expect(await whole.next()).toBe(told("changed", false, nothing, 2));
    expect(await whole.next()).toBe(told("deleted", false, nothing, 0));
  });

  it("gets nothing of another account, and is not told of its instances", async () => {
    const { account, token } = await server.createAccount("another");
    await server.createInstance("mine", "ti_mine-alone", { enabled: true });
    const [mine, theirs] = [await open(), await openV1(server.url, path(token))];
    expect(await theirs.frame()).toMatchObject({ control: "hello" });
    const { id } = await server.operate((store) => store.createInstance({ accountId: account.id, name: "mine" }));
    await server.operate((store) => store.setWebsocket(id, { enabled: true, events: [], mediaBase64: false }));
    while (!(await theirs.frame()).enabled);
    await publish("mine", "label.update", 1);
    await fetch(`${server.url}/api/events/publish/mine`, {
      method: "POST",
      headers: { token, "content-type": "application/json" },
      body: JSON.stringify({ event: "label.update", data: { n: 2 } }),
    });
    await publish("mine", "label.update", 3);
    expect(await events(mine, 2)).toEqual(["mine 1", "mine 3"]);
    expect(await events(theirs, 1)).toEqual(["mine 2"]);
  });

  it("narrows, and answers a ping, as a connection to an instance does", async () => {
    await server.createInstance("narrowed", "ti_narrowed", { enabled: true });
    const whole = await open();
    whole.send({ control: "narrow", events: ["call.update"] });
    expect(await whole.frame()).toMatchObject({ control: "narrowed", filter: { events: ["call.update"] } });
    await publish("narrowed", "label.update", 1);
    await publish("narrowed", "call.update", 2);
    expect(await events(whole, 1)).toEqual(["narrowed 2"]);
    whole.send({ control: "ping" });
    expect(await whole.frame()).toMatchObject({ control: "pong" });
  });

  it("is refused to the token of an instance with 403", async () => {
    await server.createInstance("single", "ti_single-one", { enabled: true });
    const refused = await openV1(server.url, path("ti_single-one"));
    expect(await refused.end()).toMatchObject({
      last: { control: "refused", status: 403, reason: "INSTANCE_MISMATCH", reconnect: false },
      close: [4003, "not allowed"],
    });
  });
});

describe("the plain protocol", () => {
  it.each(["", "&protocol="])("finds nothing at /ws, as before: %s", async (query) => {
    const unknown = await server.call("GET", "/nothing");
    for (const method of ["GET", "POST", "HEAD"])
      expect(await server.call(method, path() + query)).toEqual(
        method === "HEAD" ? { status: 404, text: "" } : unknown,
      );
    expect(await sendRaw(server.port, upgradeHead(path() + query))).toMatchObject({ status: 404, body: unknown.text });
  });
});
