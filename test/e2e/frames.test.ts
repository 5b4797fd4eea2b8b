/** Frames, byte for byte, however their event was published. */

import { createHash } from "node:crypto";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EventService } from "../../gen/eventwire/v1/event_service_pb.js";
import { type Consumer, dataOf, openConsumer } from "../support/consumer.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { publishedText } from "../support/published.js";

const mediaMaxBytes = 3_000;

let server: PublicServer;
let rpc: Record<string, Client<typeof EventService>>;

beforeAll(async () => {
  server = await startPublicServer({ MEDIA_MAX_BYTES: String(mediaMaxBytes) });
  const { url, grpcUrl } = server.server;
  const as = (transport: Transport) => createClient(EventService, transport);
  rpc = {
    gRPC: as(createGrpcTransport({ baseUrl: grpcUrl })),
    "gRPC-Web": as(createGrpcWebTransport({ baseUrl: url, httpVersion: "1.1" })),
    "Connect JSON": as(createConnectTransport({ baseUrl: url, httpVersion: "1.1", useBinaryFormat: false })),
    "Connect binary": as(createConnectTransport({ baseUrl: url, httpVersion: "1.1", useBinaryFormat: true })),
  };
  await server.createInstance("desk-1", "ti_9b1c0000", { enabled: true });
});
afterAll(() => server.close());

async function publishRest(instance: string, body: string): Promise<void> {
  const response = await fetch(`${server.url}/api/events/publish/${instance}`, {
    method: "POST",
    headers: { token: server.accountToken, "content-type": "application/json" },
    body,
  });
  expect([response.status, await response.text()]).toEqual([200, publishedText()]);
}

type Publish = (instance: string, event: string, data: string) => Promise<unknown>;

function publishers(): [name: string, publish: Publish][] {
  const names = ["gRPC", "gRPC-Web", "Connect JSON", "Connect binary"];
  return [
    ["REST", (instance, event, data) => publishRest(instance, `{"event":"${event}","data":${data}}`)],
    ...names.map((name): [string, Publish] => [
      name,
      (instance, event, data) =>
        rpc[name]?.publishEvent(
          { instance, event, payload: { case: "dataJson", value: Buffer.from(data) } },
          { headers: { token: server.accountToken } },
        ) ?? Promise.reject(new Error(name)),
    ]),
  ];
}

function connect(instance: string, token = server.accountToken): Promise<Consumer> {
  return openConsumer(server.url, `/ws/${encodeURIComponent(instance)}`, { headers: { token } });
}

/** A frame of desk-1. */
function frame(event: string, data: string): string {
  return `{"event":"${event}","data":${data},"instanceData":{"baseUrl":"https://wa.example.net","instance":"desk-1","token":"ti_9b1c0000"}}`;
}

describe.each(publishers())("an event published over %s", (_, publish) => {
  it.each([
    ["nothing in it", "{}"],
    ["numbers that no double holds", '{"id":12345678901234567890,"n":[1.0,1e5,-0,0.10,1E+400]}'],
    ["members out of order, twice, and unknown ones", '{"z":1,"a":2,"z":3,"2":4,"1":5,"":null,"__proto__":{}}'],
    ["escapes, and characters that could be", '{"\\u0061\\/\\"":"\\u00e9é\\ud83d\\ude00😀\\u0000\\n\\ud800"}'],
    ["white space and line ends", ' {\t"a" :\r\n[ 1 ,2 ] } '.trim()],
  ])("keeps its data byte for byte: %s", async (_name, data) => {
    const consumer = await connect("desk-1");
    await publish("desk-1", "label.update", data);
    expect(await consumer.next()).toBe(frame("label.update", data));
  });
});

describe("a frame", () => {
  it("is the same for every socket, and carries the instance's own token whoever connected", async () => {
    const consumers = await Promise.all([connect("desk-1"), connect("desk-1", "ti_9b1c0000"), connect("desk-1")]);
    await publishRest("desk-1", '{"event":"call.update","data":{"type":"offer"}}');
    for (const consumer of consumers) expect(await consumer.next()).toBe(frame("call.update", '{"type":"offer"}'));
  });

  it("spells the name of its instance as JSON does", async () => {
    const name = 'front "desk" \\ é 😀';
    await server.createInstance(name, "ti_odd-name", { enabled: true });
    const consumer = await connect(name, "ti_odd-name");
    await publishRest(encodeURIComponent(name), '{"event":"call.update","data":{}}');
    const text = await consumer.next();
    expect(text).toBe(JSON.stringify(JSON.parse(text)));
    expect(JSON.parse(text).instanceData).toEqual({
      baseUrl: "https://wa.example.net",
      instance: name,
      token: "ti_odd-name",
    });
  });

  it("is built from `event` and `data` wherever they stand in the body", async () => {
    const consumer = await connect("desk-1");
    const body =
      ' { "x": {"event":"no"}, "data": {"a":1}, "data" : {"b": 2} , "event":"message.status","media":null } ';
    await publishRest("desk-1", body);
    expect(await consumer.next()).toBe(frame("message.status", '{"b": 2}'));
  });

  it("of 15 MiB arrives whole", async () => {
    const consumer = await connect("desk-1");
    const data = `{"text":"${"0123456789abcdef".repeat(15 * 2 ** 16)}"}`;
    await publishRest("desk-1", `{"event":"message.exchange","data":${data}}`);
    const hash = (text: string) => createHash("sha256").update(text).digest("hex");
    expect(hash(await consumer.next())).toBe(hash(frame("message.exchange", data)));
  });

  it("of a Struct is its JSON", async () => {
    const consumer = await connect("desk-1");
    const value = { labelId: "7", labeled: true, none: null, list: [1, -2.5, "x", { deep: [] }], "": {} };
    await rpc.gRPC?.publishEvent(
      { instance: "desk-1", event: "label.update", payload: { case: "data", value } },
      { headers: { token: server.accountToken } },
    );
    expect(dataOf(await consumer.next())).toEqual(value);
  });

  it("comes in publish order, whichever face it was published over", async () => {
    const consumer = await connect("desk-1");
    const ways = publishers();
    for (let n = 0; n < 50; n++) await ways[n % ways.length]?.[1]("desk-1", "call.update", `{"n":${n}}`);
    const frames = await consumer.take(50);
    expect(frames.map((text) => dataOf(text).n)).toEqual(Array.from({ length: 50 }, (_, n) => n));
  });
});

describe("media", () => {
  const png = Buffer.alloc(1_500, 0xfb);
  const nested = (members: string) => `{"message":{"id":"1","media":{${members}},"text":"x"}}`;
  const flat = (members: string) => `{"media":{${members}},"id":"1"}`;
  const base64 = (bytes: Buffer) => `"base64":"${bytes.toString("base64")}"`;
  const tooLarge = Buffer.alloc(mediaMaxBytes + 1, 1);
  const atLimit = Buffer.alloc(mediaMaxBytes, 1);

  beforeAll(async () => {
    await server.createInstance("with-media", "ti_with-media", { enabled: true, mediaBase64: true });
    await server.createInstance("without-media", "ti_without-media", { enabled: true });
  });

  /** What a channel with `mediaBase64` and one without it get as `data`. */
  async function both(publish: (instance: string) => Promise<unknown>): Promise<[on: string, off: string]> {
    const consumers = [await connect("with-media"), await connect("without-media")] as const;
    await publish("with-media");
    await publish("without-media");
    const data = (text: string) => /"data":(.*),"instanceData"/s.exec(text)?.[1] ?? "";
    return [data(await consumers[0].next()), data(await consumers[1].next())];
  }

  it.each([
    ["nested", nested],
    ["flat", flat],
  ])("inline, %s: in the frame when it is on, and nothing but its key gone when it is off", async (_, layout) => {
    const members = `"type" : "image", ${base64(png)}, "caption":"a"`;
    const [on, off] = await both((instance) =>
      publishRest(instance, `{"event":"message.exchange","data":${layout(members)}}`),
    );
    expect(on).toBe(layout(members));
    expect(off).toBe(layout('"type" : "image", "caption":"a"'));
  });

  it.each([
    ["nested", nested],
    ["flat", flat],
  ])("raw over gRPC, %s: encoded where it is on, absent where it is off", async (_, layout) => {
    const [on, off] = await both((instance) =>
      Promise.resolve(
        rpc.gRPC?.publishEvent(
          {
            instance,
            event: "message.exchange",
            payload: { case: "dataJson", value: Buffer.from(layout('"type":"image"')) },
            media: png,
          },
          { headers: { token: server.accountToken } },
        ),
      ),
    );
    expect(JSON.parse(on)).toEqual(JSON.parse(layout(`"type":"image",${base64(png)}`)));
    expect(off).toBe(layout('"type":"image"'));
  });

  it("over REST is raw in base64 as ProtoJSON has it", async () => {
    const body = `{"event":"message.exchange","data":${nested('"type":"image"')},"media":"${png.toString("base64")}"}`;
    const [on, off] = await both((instance) => publishRest(instance, body));
    expect(JSON.parse(on)).toEqual(JSON.parse(nested(`"type":"image",${base64(png)}`)));
    expect(off).toBe(nested('"type":"image"'));
  });

  it("at the limit is in the frame, above it is left out, and the frame is sent", async () => {
    const publish = (bytes: Buffer) => (instance: string) =>
      publishRest(instance, `{"event":"message.exchange","data":${nested(`${base64(bytes)},"type":"video"`)}}`);
    expect(await both(publish(atLimit))).toEqual([
      nested(`${base64(atLimit)},"type":"video"`),
      nested('"type":"video"'),
    ]);
    expect(await both(publish(tooLarge))).toEqual([nested('"type":"video"'), nested('"type":"video"')]);
  });

  it("of every other event stays as it is", async () => {
    const data = nested(base64(png));
    const [on, off] = await both((instance) => publishRest(instance, `{"event":"message.status","data":${data}}`));
    expect([on, off]).toEqual([data, data]);
  });
});
