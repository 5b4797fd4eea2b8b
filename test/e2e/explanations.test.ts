/** A refusal says which field is wrong and what it must be, whatever protocol it is told in, and repeats nothing. */

import { create, type JsonObject, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PublishEventRequestSchema } from "../../gen/eventwire/v1/event_service_pb.js";
import { SetWebsocketRequestSchema } from "../../gen/eventwire/v1/websocket_service_pb.js";
import { eventTypeRule } from "../../src/domain/event-type.js";
import { connectExplanation, envelope, grpcExplanation, grpcWebExplanation } from "../support/explanations.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";

let server: PublicServer;
let token: string;
beforeAll(async () => {
  server = await startPublicServer();
  token = server.accountToken;
  await server.createInstance("desk", "ti_desk-one");
});
afterAll(() => server.close());

const set = "/eventwire.v1.WebsocketService/SetWebsocket";
const publish = "/eventwire.v1.EventService/PublishEvent";

const post = (url: string, body: string | Uint8Array, headers: Record<string, string>): Promise<Response> =>
  fetch(url, { method: "POST", headers: { token, ...headers }, body: Buffer.from(body as string) });

async function overRest(path: string, body: string | Uint8Array, contentType = "application/json") {
  const response = await post(`${server.url}${path}`, body, { "content-type": contentType });
  return { status: response.status, text: await response.text(), header: response.headers.get("eventwire-error") };
}

describe("REST", () => {
  const setPath = "/api/events/websocket/desk";
  const publishPath = "/api/events/publish/desk";
  const event = (data: string): string => `{"event":"call.update","data":${data}}`;
  const late = Buffer.concat([
    Buffer.from(`{"event":"call.update","data":{"t":"${"é".repeat(50_000)}`),
    Buffer.from([0xff]),
  ]);

  it.each<[string, string, string | Uint8Array, string | undefined, string]>([
    ["broken JSON", setPath, '{"enabled" true}', undefined, "body must be a JSON object: expected a colon at byte 11"],
    ["text that ends", setPath, "{", undefined, "body must be a JSON object: the text ends too early at byte 1"],
    ["an empty body", setPath, "", undefined, "body must be a JSON object: the text ends too early at byte 0"],
    ["no object", setPath, "[]", undefined, "body must be a JSON object"],
    ["a body over 64 KiB", setPath, `{"x":"${"x".repeat(2 ** 16)}"}`, undefined, "body must be at most 65536 bytes"],
    ["`enabled` missing", setPath, "{}", "enabled", "value is required"],
    ["`enabled` null", setPath, '{"enabled":null}', "enabled", "value is required"],
    ["`enabled` no boolean", setPath, '{"enabled":"yes"}', "enabled", "must be a boolean"],
    ["an unknown event", setPath, '{"enabled":true,"events":["call.update","secret"]}', "events[1]", eventTypeRule],
    [
      "an event of a wrong type",
      setPath,
      '{"enabled":true,"events":["call.update",1]}',
      "events[1]",
      "must be a string",
    ],
    ["events that are no list", setPath, '{"enabled":true,"events":"secret"}', "events", "must be a list"],
    ["a wrong type in another member", setPath, '{"enabled":true,"mediaBase64":1}', "mediaBase64", "must be a boolean"],
    [
      "too many events",
      setPath,
      `{"enabled":true,"events":[${'"call.update",'.repeat(64)}"call.update"]}`,
      "events",
      "must contain no more than 64 item(s)",
    ],
    ["no data", publishPath, '{"event":"call.update"}', "data", "value is required"],
    ["no event", publishPath, '{"data":{}}', "event", "value is required"],
    ["an event of another type", publishPath, '{"event":"secret","data":{}}', "event", eventTypeRule],
    ["an event that is no text", publishPath, '{"event":7,"data":{}}', "event", "must be a string"],
    [
      "data that is no object",
      publishPath,
      event("[1]"),
      "data",
      "must be a JSON object: expected an object at byte 0",
    ],
    [
      "data that is no JSON",
      publishPath,
      event('{"a":}'),
      undefined,
      "body must be a JSON object: expected a value at byte 35",
    ],
    [
      "data that is no UTF-8",
      publishPath,
      late,
      undefined,
      `body must be a JSON object: no UTF-8 at byte ${late.length - 1}`,
    ],
    [
      "media without a place",
      publishPath,
      '{"event":"call.update","data":{},"media":"AAAA"}',
      "media",
      "needs a message.exchange whose data has an object at message.media or media",
    ],
    ["a name that is none", "/api/instance/new", '{"name":""}', "name", "must be at least 1 characters"],
  ])("explains %s", async (_, path, body, field, rule) => {
    const named = field === undefined ? "" : `; field="${field}"`;
    expect(await overRest(path, body)).toEqual({
      status: 400,
      text: '{"success":false,"error":{"message":"Invalid request body"}}',
      header: `INVALID_REQUEST_BODY${named}; rule="${rule}"`,
    });
  });

  it("explains another content type", async () => {
    expect(await overRest(setPath, "{}", "text/plain")).toMatchObject({
      header: 'INVALID_REQUEST_BODY; rule="Content-Type must be application/json"',
    });
  });

  it("escapes what would end a quoted string, and stays visible ASCII", async () => {
    const { header } = await overRest("/api/instance/new", '{"name":" desk"}');
    expect(header).toMatch(/^INVALID_REQUEST_BODY; field="name"; rule="(?:[^"\\]|\\["\\])*"$/);
    expect(header).toContain("does not match regex pattern `^[^\\\\s/");
  });

  it.each([
    ["GET", "/api/instance/list", "INVALID_TOKEN", { token: "nobody's" }],
    ["GET", "/api/events/getWebsocket/nowhere", "INSTANCE_NOT_FOUND", {}],
    ["GET", "/nowhere", "NOT_FOUND", {}],
    ["PUT", "/api/instance/list", "METHOD_NOT_ALLOWED", {}],
    ["GET", "/ws/desk", "WEBSOCKET_DISABLED", {}],
    ["GET", publish, "METHOD_NOT_ALLOWED", {}],
  ])("names the reason of every other refusal: %s %s", async (method, path, reason, headers) => {
    const response = await fetch(`${server.url}${path}`, { method, headers: { token, ...headers } });
    expect(response.headers.get("eventwire-error")).toBe(reason);
    expect(await response.json()).toEqual({ success: false, error: { message: expect.any(String) } });
  });
});

interface Mistake {
  readonly path: string;
  readonly json: JsonObject;
  readonly binary: Uint8Array;
  /** As JSON and as the proto file spell it. */
  readonly fields: readonly [string, string];
  readonly rule: string;
}

const setMessage = (init: object): Uint8Array =>
  toBinary(SetWebsocketRequestSchema, create(SetWebsocketRequestSchema, { instance: "desk", ...init }));
const dataJson = (text: string): Pick<Mistake, "path" | "json" | "binary"> => ({
  path: publish,
  json: { instance: "desk", event: "call.update", dataJson: Buffer.from(text).toString("base64") },
  binary: toBinary(
    PublishEventRequestSchema,
    create(PublishEventRequestSchema, {
      instance: "desk",
      event: "call.update",
      payload: { case: "dataJson", value: Buffer.from(text) },
    }),
  ),
});

const mistakes: [string, Mistake][] = [
  [
    "`enabled` missing",
    {
      path: set,
      json: { instance: "desk" },
      binary: setMessage({}),
      fields: ["enabled", "enabled"],
      rule: "value is required",
    },
  ],
  [
    "an unknown event",
    {
      path: set,
      json: { instance: "desk", enabled: true, events: ["secret"] },
      binary: setMessage({ enabled: true, events: ["secret"] }),
      fields: ["events[0]", "events[0]"],
      rule: eventTypeRule,
    },
  ],
  [
    "no data",
    {
      path: publish,
      json: { instance: "desk", event: "call.update" },
      binary: toBinary(
        PublishEventRequestSchema,
        create(PublishEventRequestSchema, { instance: "desk", event: "call.update" }),
      ),
      fields: ["data", "data"],
      rule: "value is required",
    },
  ],
  [
    "data that is no JSON",
    {
      ...dataJson('{"a":}'),
      fields: ["dataJson", "data_json"],
      rule: "must be a JSON object: expected a value at byte 5",
    },
  ],
  [
    "data that is no object",
    {
      ...dataJson("7"),
      fields: ["dataJson", "data_json"],
      rule: "must be a JSON object: expected an object at byte 0",
    },
  ],
];

describe.each(mistakes)("%s", (_, { path, json, binary, fields: [jsonField, protoField], rule }) => {
  const explained = (field: string) => ({
    header: `INVALID_REQUEST_BODY; field="${field}"; rule="${rule}"`,
    retryAfter: null,
    violations: [{ field, description: rule }],
    retrySeconds: undefined,
  });

  it("is explained over Connect, in both codecs", async () => {
    const asJson = await post(`${server.url}${path}`, JSON.stringify(json), { "content-type": "application/json" });
    expect(await connectExplanation(asJson)).toEqual(explained(jsonField));
    const asProto = await post(`${server.url}${path}`, binary, { "content-type": "application/proto" });
    expect(await connectExplanation(asProto)).toEqual(explained(protoField));
  });

  it("is explained over gRPC-Web and gRPC", async () => {
    const web = { "content-type": "application/grpc-web+proto" };
    expect(await grpcWebExplanation(await post(`${server.url}${path}`, envelope(binary), web))).toEqual(
      explained(protoField),
    );
    expect(await grpcExplanation(server.server.servicePort, path, { token }, envelope(binary))).toEqual(
      explained(protoField),
    );
  });
});

describe("a message that cannot be read", () => {
  const notUtf8 = new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .bytes(Buffer.from([0xc3, 0x28]))
    .finish();

  it.each([
    [
      "a wrong type in JSON",
      "application/json",
      '{"instance":"desk","mediaBase64":1}',
      "mediaBase64",
      "must be a boolean",
    ],
    [
      "broken JSON",
      "application/json",
      '{"instance":"secret",',
      "",
      "body must be a JSON object: the text ends too early at byte 21",
    ],
    ["no UTF-8", "application/json", Buffer.from([0x7b, 0xff]), "", "body must be a JSON object: no UTF-8 at byte 1"],
    [
      "a name that is no UTF-8",
      "application/proto",
      notUtf8,
      "",
      "message must be a eventwire.v1.SetWebsocketRequest in Protobuf's binary form",
    ],
    ["more than 64 KiB", "application/proto", Buffer.alloc(2 ** 16 + 1), "", "message must be at most 65536 bytes"],
  ])("is explained over Connect: %s", async (_, contentType, body, field, description) => {
    const response = await post(`${server.url}${set}`, body, { "content-type": contentType });
    expect((await connectExplanation(response)).violations).toEqual([{ field, description }]);
  });

  it.each([
    ["no message", Buffer.alloc(0), "message must be one message with a prefix of 5 bytes"],
    [
      "half a message",
      envelope(setMessage({ enabled: true })).subarray(0, -1),
      "message must be one message as long as its prefix says",
    ],
    [
      "a flag that nobody knows",
      envelope(setMessage({ enabled: true }), 64),
      "message must have a prefix with flags 0 or 1",
    ],
    [
      "compression without its name",
      envelope(setMessage({ enabled: true }), 1),
      "message must name the compression of the message in grpc-encoding",
    ],
  ])("is explained over gRPC: %s", async (_, body, description) => {
    const { violations } = await grpcExplanation(server.server.servicePort, set, { token }, body);
    expect(violations).toEqual([{ field: "", description }]);
  });
});
