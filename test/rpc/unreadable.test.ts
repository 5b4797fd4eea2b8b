/** What a protocol library cannot read is refused in the contract's words, whatever is wrong with it. */

import { gzipSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PublishEventRequestSchema } from "../../gen/eventwire/v1/event_service_pb.js";
import { SetWebsocketRequestSchema } from "../../gen/eventwire/v1/websocket_service_pb.js";
import { type H2Client, openH2 } from "../support/h2-client.js";
import { type ServiceNode, startServiceNode } from "../support/service-node.js";

const publishMaxBytes = 4 * 2 ** 20;
const set = "/eventwire.v1.WebsocketService/SetWebsocket";
const publish = "/eventwire.v1.EventService/PublishEvent";

let node: ServiceNode;
let client: H2Client;
beforeAll(async () => {
  node = await startServiceNode({ publishMaxBytes });
  await node.createInstance("desk");
  client = await openH2(node.port.port);
});
afterAll(async () => {
  client.close();
  await node.close();
});

const good = Buffer.from(
  toBinary(SetWebsocketRequestSchema, create(SetWebsocketRequestSchema, { instance: "desk", enabled: true })),
);
const goodEvent = { instance: "desk", event: "call.update" } as const;
const notUtf8 = new BinaryWriter()
  .tag(1, WireType.LengthDelimited)
  .bytes(Buffer.from([0xc3, 0x28]))
  .finish();
const largeSet = new BinaryWriter()
  .tag(3, WireType.LengthDelimited)
  .bytes(Buffer.alloc(2 ** 16, "x"))
  .finish();

function nested(levels: number): string {
  return `${'{"a":'.repeat(levels)}{}${"}".repeat(levels)}`;
}

/** A Struct within a Struct: one level of JSON each. */
function nestedStruct(levels: number): Uint8Array {
  let struct: Uint8Array = Buffer.alloc(0);
  for (let level = 1; level < levels; level++) {
    const value = new BinaryWriter().tag(5, WireType.LengthDelimited).bytes(struct).finish();
    const entry = new BinaryWriter()
      .tag(1, WireType.LengthDelimited)
      .string("a")
      .tag(2, WireType.LengthDelimited)
      .bytes(value)
      .finish();
    struct = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(entry).finish();
  }
  return struct;
}

function eventWith(fields: (writer: BinaryWriter) => BinaryWriter): Buffer {
  const writer = new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .string(goodEvent.instance)
    .tag(2, WireType.LengthDelimited)
    .string(goodEvent.event);
  return Buffer.from(fields(writer).finish());
}

function event(struct: Uint8Array): Buffer {
  return eventWith((writer) => writer.tag(3, WireType.LengthDelimited).bytes(struct));
}

async function unary(
  path: string,
  body: Uint8Array,
  headers: Record<string, string>,
): Promise<{ status: number; answer: unknown }> {
  const response = await fetch(`${node.url}${path}`, {
    method: "POST",
    headers: { token: node.token, ...headers },
    body: Buffer.from(body),
  });
  const isJson = response.headers.get("content-type")?.includes("json");
  return { status: response.status, answer: isJson ? await response.json() : undefined };
}

const refusedBody = { status: 400, answer: { code: "invalid_argument", message: "Invalid request body" } };
const refusedSize = { status: 429, answer: { code: "resource_exhausted", message: "Event too large" } };

describe("a Connect call", () => {
  const json = { "content-type": "application/json" };
  const proto = { "content-type": "application/proto" };

  it.each([
    ["broken JSON", set, '{"instance":"desk"', json],
    ["JSON that is no object", set, "[]", json],
    ["a JSON string", set, '"desk"', json],
    ["JSON null", set, "null", json],
    ["a wrong type", set, '{"instance":"desk","enabled":"true"}', json],
    ["a wrong type in a field that is not needed", set, '{"instance":"desk","enabled":false,"mediaBase64":1}', json],
    ["no UTF-8", set, Buffer.from([0x22, 0xff, 0x22]), json],
    ["deeply nested data", publish, `{"instance":"desk","event":"call.update","data":${nested(100_000)}}`, json],
    ["257 levels of data", publish, `{"instance":"desk","event":"call.update","data":${nested(257)}}`, json],
    ["data that is no object", publish, '{"instance":"desk","event":"call.update","data":[]}', json],
    ["more than 64 KiB", set, `{"instance":"${"x".repeat(2 ** 16)}"}`, json],
    ["bytes that are no message", set, Buffer.from([0xff, 0xff]), proto],
    ["a name that is no UTF-8", set, notUtf8, proto],
    ["a message that ends early", set, good.subarray(0, -1), proto],
    ["deeply nested binary data", publish, event(nestedStruct(20_000)), proto],
    ["257 levels of binary data", publish, event(nestedStruct(257)), proto],
    ["a number that JSON has not", publish, event(nan()), proto],
    ["no gzip although it says so", set, good, { ...proto, "content-encoding": "gzip" }],
    ["a compressed body that grows too large", set, gzipSync(largeSet), { ...proto, "content-encoding": "gzip" }],
    ["a nonsense deadline", set, good, { ...proto, "connect-timeout-ms": "soon" }],
  ])("is refused for %s", async (_, path, body, headers) => {
    expect(await unary(path, Buffer.from(body as string), headers)).toMatchObject(refusedBody);
  });

  it("is refused for an event over the limit, also when it is announced only", async () => {
    const text = (size: number): string =>
      JSON.stringify({ ...goodEvent, dataJson: Buffer.from(`{"t":"${"x".repeat(size - 8)}"}`).toString("base64") });
    expect(await unary(publish, Buffer.from(text(publishMaxBytes)), json)).toMatchObject({ status: 200 });
    expect(await unary(publish, Buffer.from(text(publishMaxBytes + 1)), json)).toMatchObject(refusedSize);
    expect(await unary(publish, Buffer.from(text(2 * publishMaxBytes)), json)).toMatchObject(refusedSize);
  });

  it("takes 256 levels, in JSON and in binary form", async () => {
    const body = `{"instance":"desk","event":"call.update","data":${nested(255)}}`;
    expect(await unary(publish, Buffer.from(body), json)).toMatchObject({ status: 200 });
    expect(await unary(publish, event(nestedStruct(256)), proto)).toMatchObject({ status: 200 });
  });

  it("takes unknown members, and a deadline longer than a timer can run", async () => {
    const body = '{"instance":"desk","enabled":true,"label":"x","mediaBase64":null,"events":null}';
    expect(await unary(set, Buffer.from(body), { ...json, "connect-timeout-ms": "9999999999" })).toMatchObject({
      status: 200,
      answer: { websocket: { enabled: true, events: [], mediaBase64: false } },
    });
  });

  it("carries the reason as a detail, and no word of a library", async () => {
    const response = await fetch(`${node.url}${set}`, {
      method: "POST",
      headers: { ...json, token: node.token },
      body: "{",
    });
    expect(await response.json()).toEqual({
      code: "invalid_argument",
      message: "Invalid request body",
      details: [
        {
          type: "google.rpc.ErrorInfo",
          value: expect.any(String),
          debug: { reason: "INVALID_REQUEST_BODY", domain: "eventwire", metadata: {} },
        },
        {
          type: "google.rpc.BadRequest",
          value: expect.any(String),
          debug: {
            fieldViolations: [
              {
                field: "",
                description: "body must be a JSON object: the text ends too early at byte 1",
                reason: "INVALID_REQUEST_BODY",
              },
            ],
          },
        },
      ],
    });
  });

  it("hears about its token before its body", async () => {
    expect(await unary(set, Buffer.from("{"), { ...json, token: "nobody's" })).toMatchObject({
      status: 401,
      answer: { code: "unauthenticated", message: "Invalid token" },
    });
  });

  it("is told in the envelope when it is no call", async () => {
    const get = await fetch(`${node.url}${set}`, { headers: { token: node.token } });
    expect([get.status, get.headers.get("allow"), await get.json()]).toEqual([
      405,
      "POST",
      { success: false, error: { message: "Method not allowed" } },
    ]);
    for (const type of ["text/plain", "application/xml", "application/grpc-web-texts"]) {
      expect(await unary(set, good, { "content-type": type })).toEqual({
        status: 415,
        answer: { success: false, error: { message: "Invalid request body" } },
      });
    }
  });
});

function nan(): Uint8Array {
  const value = new BinaryWriter().tag(2, WireType.Bit64).double(Number.NaN).finish();
  const entry = new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .string("n")
    .tag(2, WireType.LengthDelimited)
    .bytes(value)
    .finish();
  return new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(entry).finish();
}

describe.each(["application/grpc", "application/grpc-web"])("a call of %s", (contentType) => {
  const web = contentType.endsWith("web");

  function framed(message: Uint8Array, flags = 0): Buffer {
    const head = Buffer.alloc(5);
    head[0] = flags;
    head.writeUInt32BE(message.length, 1);
    return Buffer.concat([head, message]);
  }

  async function call(path: string, body: Uint8Array, headers: Record<string, string> = {}) {
    const stream = client.post(path, { "content-type": contentType, te: "trailers", token: node.token, ...headers });
    stream.end(body);
    const { body: answer, trailers } = await stream.done();
    const text = web
      ? answer.toString("latin1")
      : Object.entries(trailers)
          .map((pair) => pair.join(": "))
          .join("\r\n");
    return {
      status: /grpc-status: (\d+)/.exec(text)?.[1],
      message: decodeURIComponent(/grpc-message: (.*)/.exec(text)?.[1]?.trim() ?? ""),
    };
  }

  it.each([
    ["no message", Buffer.alloc(0), {}],
    ["two messages", Buffer.concat([framed(good), framed(good)]), {}],
    ["half a prefix", Buffer.from([0, 0, 0]), {}],
    ["a message that ends early", framed(good).subarray(0, -1), {}],
    ["a compressed message without compression", framed(good, 1), {}],
    ["no gzip although it says so", framed(good, 1), { "grpc-encoding": "gzip" }],
    ["a compressed message that grows too large", framed(gzipSync(largeSet), 1), { "grpc-encoding": "gzip" }],
    ["more than 64 KiB", framed(largeSet), {}],
    ["a size that nobody sends", Buffer.from([0, 0xff, 0xff, 0xff, 0xff]), {}],
    ["bytes that are no message", framed(Buffer.from([0xff, 0xff])), {}],
    ["a name that is no UTF-8", framed(notUtf8), {}],
    ["a nonsense deadline", framed(good), { "grpc-timeout": "soon" }],
  ])("is refused for %s", async (_, body, headers) => {
    expect(await call(set, body, headers)).toEqual({ status: "3", message: "Invalid request body" });
  });

  it("is refused for an event over the limit", async () => {
    const data = (size: number): Buffer =>
      framed(
        Buffer.from(
          toBinary(
            PublishEventRequestSchema,
            create(PublishEventRequestSchema, {
              ...goodEvent,
              payload: { case: "dataJson", value: Buffer.from(`{"t":"${"x".repeat(size - 8)}"}`) },
            }),
          ),
        ),
      );
    expect((await call(publish, data(publishMaxBytes))).status).toBe("0");
    expect(await call(publish, data(publishMaxBytes + 1))).toEqual({ status: "8", message: "Event too large" });
    expect(await call(publish, data(2 * publishMaxBytes))).toEqual({ status: "8", message: "Event too large" });
  });

  it("takes a deadline longer than a timer can run", async () => {
    expect((await call(set, framed(good), { "grpc-timeout": "99999999H" })).status).toBe("0");
  });

  it("hears about its token before its message", async () => {
    expect(await call(set, Buffer.from([1, 2]), { token: "nobody's" })).toEqual({
      status: "16",
      message: "Invalid token",
    });
  });
});

it("logs nothing of all this as its own failure", () => {
  expect(node.log.filter((line) => (line.level as number) >= 40)).toEqual([]);
});
