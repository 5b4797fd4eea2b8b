/** The data of an event that comes in JSON or as a Struct: what its publisher wrote is what the bus gets. */

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Event } from "../../src/bus/bus.js";
import { type H2Client, openH2 } from "../support/h2-client.js";
import { type ServiceNode, startServiceNode } from "../support/service-node.js";
import { delimited, eventMessage, framed } from "../support/worst-calls.js";

const publish = "/eventwire.v1.EventService/PublishEvent";
const publishEvents = "/eventwire.v1.EventService/PublishEvents";

let node: ServiceNode;
let client: H2Client;
let events: Event[];
let name = 0;
const desk = () => `desk-${name}`;

beforeAll(async () => {
  node = await startServiceNode();
  client = await openH2(node.port.port);
});
afterAll(async () => {
  client?.destroy();
  await node?.close();
});
beforeEach(async () => {
  name++;
  events = node.eventsOf((await node.createInstance(desk())).id);
});

async function connect(body: string): Promise<{ status: number; text: string }> {
  const headers = { token: node.token, "content-type": "application/json" };
  const response = await fetch(`${node.url}${publish}`, { method: "POST", headers, body });
  return { status: response.status, text: await response.text() };
}

async function grpc(path: string, contentType: string, bytes: Uint8Array): Promise<unknown> {
  const stream = client.post(path, { "content-type": contentType, te: "trailers", token: node.token });
  stream.end(bytes);
  return (await stream.done()).trailers["grpc-status"];
}

const published = () => events.map(({ data }) => Buffer.from(data).toString());
const body = (data: string, rest = ""): string =>
  `{"instance":"${desk()}","event":"label.update","data":${data}${rest}}`;

const texts = [
  '{"__proto__":1}',
  '{"a":{"__proto__":{"b":1}},"constructor":2,"toString":[]}',
  '{ "a":1,\n"a":2, "n":12345678901234567890.10, "e":"\\u00e9\\/" }',
  '{"half":"\\ud800"}',
];

describe.each(texts)("the data %s stays as it is", (data) => {
  it("over Connect", async () => {
    expect(await connect(body(data))).toMatchObject({ status: 200 });
    expect(published()).toEqual([data]);
  });

  it("over gRPC with JSON, in a call and in a batch", async () => {
    expect(await grpc(publish, "application/grpc+json", framed(Buffer.from(body(data))))).toBe("0");
    const batch = framed(Buffer.from(`{"sequence":7,"events":[${body(data)},${body("{}")}]}`));
    expect(await grpc(publishEvents, "application/grpc+json", batch)).toBe("0");
    expect(published()).toEqual([data, data, "{}"]);
  });
});

it("keeps a member named __proto__ of a Struct, in a call and in a batch", async () => {
  const value = Buffer.concat([Buffer.from([0x11]), Buffer.from(Float64Array.of(1).buffer)]);
  const entry = delimited(1, Buffer.concat([delimited(1, Buffer.from("__proto__")), delimited(2, value)]));
  const message = eventMessage(desk(), "label.update", delimited(3, entry));
  expect(await grpc(publish, "application/grpc", framed(message))).toBe("0");
  expect(await grpc(publishEvents, "application/grpc", framed(delimited(2, message)))).toBe("0");
  expect(published()).toEqual(['{"__proto__":1}', '{"__proto__":1}']);
});

it("is not misled by members that JavaScript knows beside the data", async () => {
  const odd = `{"__proto__":{"event":"call.update"},"constructor":1,${body("{}").slice(1)}`;
  expect(await connect(odd)).toMatchObject({ status: 200 });
  expect(events.map(({ type }) => type)).toEqual(["label.update"]);
});

it("takes large data whose text is JSON, and refuses what is beside it or none", async () => {
  const large = `{"text":"${"é".repeat(400_000)}"}`;
  expect(await connect(body(large))).toMatchObject({ status: 200 });
  expect(published()).toEqual([large]);
  for (const [wrong, field] of [
    [body(`[${large}]`), "data"],
    [body("{}", ',"dataJson":"e30="'), "data"],
    [body("null"), "data"],
    [body(`{"text":"${"x".repeat(400_000)}`), ""],
    [body("{}", `,"media":"${"!".repeat(400_000)}"`), "media"],
    [`{"instance":"${desk()}","event":"${"x".repeat(400_000)}","data":{}}`, "event"],
  ] as const) {
    const { status, text } = await connect(wrong);
    expect([status, JSON.parse(text).details[1]?.debug.fieldViolations[0].field]).toEqual([400, field]);
  }
  expect(published()).toHaveLength(1);
});

it("gives raw media of any size, as base64 with or without escapes", async () => {
  const media = Buffer.alloc(300_001, 0xff);
  for (const text of [media.toString("base64"), media.toString("base64").replaceAll("/", "\\/")]) {
    const call = `{"instance":"${desk()}","event":"message.exchange","data":{"media":{}},"media":"${text}"}`;
    expect(await connect(call)).toMatchObject({ status: 200 });
  }
  expect(events.map((event) => media.equals(event.media ?? Buffer.alloc(0)))).toEqual([true, true]);
});

it("publishes the events of a stream in their order, however long each takes to check", async () => {
  const large = (n: number): string => `{"n":${n},"a":[${Array(150_000).fill("{}").join(",")}]}`;
  const data = Array.from({ length: 24 }, (_, n) => (n % 3 === 0 ? large(n) : `{"n":${n}}`));
  const message = (text: string): Buffer =>
    delimited(2, eventMessage(desk(), "label.update", delimited(4, Buffer.from(text))));
  const batches = [data.slice(0, 10), data.slice(10, 11), data.slice(11)];
  const bytes = Buffer.concat(batches.map((batch) => framed(Buffer.concat(batch.map(message)))));
  expect(await grpc(publishEvents, "application/grpc", bytes)).toBe("0");
  expect(published()).toEqual(data);
});
