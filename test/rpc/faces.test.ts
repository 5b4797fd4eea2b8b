/** The same call has the same outcome on every RPC face. */

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EventService } from "../../gen/eventwire/v1/event_service_pb.js";
import { HealthService } from "../../gen/eventwire/v1/health_service_pb.js";
import { InstanceService } from "../../gen/eventwire/v1/instance_service_pb.js";
import { WebsocketService } from "../../gen/eventwire/v1/websocket_service_pb.js";
import { type EventId, idText } from "../../src/domain/event-id.js";
import type { Instance } from "../../src/domain/instance.js";
import { published } from "../support/published.js";
import { type Face, faceNames, openFace } from "../support/rpc-faces.js";
import { type ServiceNode, startServiceNode } from "../support/service-node.js";

const { setWebsocket, getWebsocket } = WebsocketService.method;
const { createInstance, listInstances, deleteInstance } = InstanceService.method;
const { publishEvent } = EventService.method;

let node: ServiceNode;
let strangerToken: string;
beforeAll(async () => {
  node = await startServiceNode();
  strangerToken = (await node.store.createAccount({ name: "stranger" })).token;
});
afterAll(() => node.close());

const invalidBody = { code: "InvalidArgument", message: "Invalid request body", reason: "INVALID_REQUEST_BODY" };
const invalidToken = { code: "Unauthenticated", message: "Invalid token", reason: "INVALID_TOKEN" };
const notFound = { code: "NotFound", message: "Instance not found", reason: "INSTANCE_NOT_FOUND" };
const mismatch = {
  code: "PermissionDenied",
  message: "Instance token does not match requested instance",
  reason: "INSTANCE_MISMATCH",
};

describe.each(faceNames)("%s", (faceName) => {
  let face: Face;
  let desk: Instance;
  let account: { token: string };

  beforeAll(async () => {
    face = openFace(faceName, node.url);
    account = { token: node.token };
    desk = await node.createInstance(`desk ${faceName.replace("/", " ")}`);
  });
  afterAll(() => face.close());

  it("sets a channel and reads it as it was set: order and duplicates kept", async () => {
    const events = ["message.status", "call.update", "message.status"];
    const websocket = { enabled: true, events, mediaBase64: true };
    const set = await face.call(setWebsocket, { instance: desk.name, ...websocket }, account);
    expect(set.outcome).toEqual({
      answer: { success: true, message: "WebSocket configured successfully", websocket },
    });
    const get = await face.call(getWebsocket, { instance: desk.name }, { token: desk.token });
    expect(get.outcome).toEqual({
      answer: { success: true, message: "WebSocket configuration retrieved", websocket },
    });
  });

  it("clears what a disabled channel had, and says so member by member", async () => {
    const request = { instance: desk.name, enabled: false, events: ["call.update"], mediaBase64: true };
    const { outcome } = await face.call(setWebsocket, request, { authorization: `bearer ${desk.token}` });
    expect(outcome).toMatchObject({ answer: { websocket: { enabled: false, events: [], mediaBase64: false } } });
  });

  it("refuses a channel that was never configured", async () => {
    const name = randomUUID();
    await face.call(createInstance, { name }, account);
    expect((await face.call(getWebsocket, { instance: name }, account)).outcome).toEqual({
      code: "NotFound",
      message: "WebSocket not configured for this instance",
      reason: "WEBSOCKET_NOT_CONFIGURED",
    });
  });

  it("creates, lists and deletes an instance", async () => {
    const name = randomUUID();
    const token = `token-${name}`;
    const created = await face.call(createInstance, { name, token }, account);
    expect(created.outcome).toEqual({
      answer: {
        success: true,
        message: "Instance created",
        instance: { id: expect.any(String), name, token, status: "disconnected" },
        data: { token },
      },
    });
    const listed = await face.call(listInstances, {}, { token });
    expect(listed.outcome).toEqual({
      answer: {
        success: true,
        message: "1 Instance found",
        instances: [
          {
            id: expect.any(String),
            name,
            token,
            status: "disconnected",
            connection: { state: "disconnected" },
            websocket: { enabled: false, events: [], mediaBase64: false },
          },
        ],
      },
    });
    expect((await face.call(createInstance, { name }, account)).outcome).toEqual({
      code: "AlreadyExists",
      message: "Instance already exists",
      reason: "INSTANCE_EXISTS",
    });
    expect((await face.call(createInstance, { name: randomUUID(), token }, account)).outcome).toEqual({
      code: "AlreadyExists",
      message: "Token already in use",
      reason: "TOKEN_IN_USE",
    });
    expect((await face.call(deleteInstance, { instance: name }, account)).outcome).toEqual({
      answer: { success: true, message: "Instance deleted", instance: { status: "deleted" } },
    });
    expect((await face.call(deleteInstance, { instance: name }, account)).outcome).toEqual(notFound);
    expect((await face.call(listInstances, {}, { token })).outcome).toEqual(invalidToken);
  });

  it("publishes an event, its JSON bytes unchanged", async () => {
    const events = node.eventsOf(desk.id);
    const dataJson = Buffer.from('{ "b":1.0,\n"a":12345678901234567890,"e":"\\u00e9","x":{} }');
    const { outcome } = await face.call(
      publishEvent,
      { instance: desk.name, event: "label.update", payload: { case: "dataJson", value: dataJson } },
      account,
    );
    expect(outcome).toEqual({ answer: { ...published, id: idText(events[0]?.id as EventId) } });
    expect(events.map(({ type, data }) => ({ type, data: data.toString() }))).toEqual([
      { type: "label.update", data: dataJson.toString() },
    ]);
  });

  it("publishes the Struct form of an event as JSON", async () => {
    const events = node.eventsOf(desk.id);
    const value = { labelId: "7", labeled: true, none: null, list: [1, "2", { three: 3.5 }] };
    await face.call(
      publishEvent,
      { instance: desk.name, event: "label.update", payload: { case: "data", value } },
      account,
    );
    expect(events.map(({ data }) => JSON.parse(data.toString()))).toEqual([value]);
  });

  it("tells its health to anyone", async () => {
    const { outcome, metadata } = await face.call(HealthService.method.checkHealth, {}, { token: "no token" });
    expect(outcome).toEqual({
      answer: {
        status: "ok",
        service: "eventwire",
        uptime: expect.any(Number),
        timestamp: expect.any(String),
        checks: { db: "ok" },
      },
    });
    expect([...metadata.keys()].filter((name) => name.startsWith("x-ratelimit"))).toEqual([]);
  });

  it("refuses every call without a token, or with one that nobody has", async () => {
    const headers = [
      {},
      { token: "nobody's" },
      { authorization: "Basic bm9ib2R5" },
      { token: "", authorization: "Bearer" },
    ];
    for (const credentials of headers)
      for (const call of [
        () => face.call(setWebsocket, { instance: desk.name }, credentials),
        () => face.call(getWebsocket, { instance: "unknown" }, credentials),
        () => face.call(createInstance, {}, credentials),
        () => face.call(listInstances, {}, credentials),
        () => face.call(publishEvent, { event: "nonsense" }, credentials),
      ])
        expect((await call()).outcome).toEqual(invalidToken);
  });

  it("prefers `token` to `authorization`", async () => {
    const mixed = { token: desk.token, authorization: `Bearer ${node.token}` };
    const { outcome } = await face.call(getWebsocket, { instance: "another" }, mixed);
    expect(outcome).toEqual(mismatch);
  });

  it("refuses the token of an instance where only the account may", async () => {
    const own = { token: desk.token };
    expect((await face.call(createInstance, { name: "more" }, own)).outcome).toEqual(invalidToken);
    expect((await face.call(deleteInstance, { instance: desk.name }, own)).outcome).toEqual(invalidToken);
    expect((await face.call(publishEvent, { instance: desk.name }, own)).outcome).toEqual(invalidToken);
  });

  it("refuses an instance's token on another instance, known or not, before it looks at the body", async () => {
    const other = randomUUID();
    await face.call(createInstance, { name: other }, account);
    for (const instance of [other, "unknown", ""]) {
      expect((await face.call(setWebsocket, { instance }, { token: desk.token })).outcome).toEqual(mismatch);
      expect((await face.call(getWebsocket, { instance }, { token: desk.token })).outcome).toEqual(mismatch);
    }
  });

  it("does not know another account's instances, nor impossible names", async () => {
    const stranger = { token: strangerToken };
    expect((await face.call(getWebsocket, { instance: desk.name }, stranger)).outcome).toEqual(notFound);
    for (const instance of [desk.name.toUpperCase(), "", "a\0b", "x".repeat(5_000), "/"]) {
      expect((await face.call(setWebsocket, { instance }, account)).outcome).toEqual(notFound);
      expect((await face.call(publishEvent, { instance }, account)).outcome).toEqual(notFound);
      expect((await face.call(deleteInstance, { instance }, account)).outcome).toEqual(notFound);
    }
  });

  it.each([
    ["without `enabled`", {}],
    ["with an unknown event", { enabled: true, events: ["message.unknown"] }],
    ["with an event in another case", { enabled: true, events: ["Message.Exchange"] }],
    ["with an unknown event, although disabled", { enabled: false, events: [""] }],
    ["with 65 events", { enabled: true, events: Array<string>(65).fill("call.update") }],
  ])("refuses a channel %s and saves nothing", async (_, rest) => {
    const before = await node.store.getWebsocket(desk.id);
    const { outcome } = await face.call(setWebsocket, { instance: desk.name, ...rest }, account);
    expect(outcome).toEqual(invalidBody);
    expect(await node.store.getWebsocket(desk.id)).toEqual(before);
  });

  it.each(["", " desk", "desk ", "a/b", "tab\there", "x".repeat(101), "nul\0"])("refuses the name %j", async (name) => {
    expect((await face.call(createInstance, { name }, account)).outcome).toEqual(invalidBody);
  });

  it.each(["with space", "é".repeat(10), "x".repeat(129)])("refuses the token %j", async (token) => {
    expect((await face.call(createInstance, { name: randomUUID(), token }, account)).outcome).toEqual(invalidBody);
  });

  it.each([
    ["without data", { event: "call.update" }],
    ["of an unknown type", { event: "call.Update", payload: { case: "data" as const, value: {} } }],
    ["with data that is no object", { event: "call.update", payload: json("[1]") }],
    ["with broken data", { event: "call.update", payload: json('{"a":}') }],
    ["with data that is no UTF-8", { event: "call.update", payload: json(Buffer.from([0x7b, 0x22, 0xff, 0x22])) }],
    ["with raw media and no place for it", { event: "call.update", payload: json("{}"), media: Buffer.from("x") }],
  ])("refuses an event %s", async (_, rest) => {
    expect((await face.call(publishEvent, { instance: desk.name, ...rest }, account)).outcome).toEqual(invalidBody);
  });
});

function json(value: string | Buffer): { case: "dataJson"; value: Uint8Array } {
  return { case: "dataJson", value: Buffer.from(value) };
}
