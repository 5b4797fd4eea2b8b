/** The time that a producer gives an event reaches the bus over every protocol, and a time that is none is refused. */

import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  EventService,
  type PublishEventRequestSchema,
  PublishEventsRequestSchema,
} from "../../gen/eventwire/v1/event_service_pb.js";
import type { Event } from "../../src/bus/bus.js";
import type { AppError } from "../../src/domain/errors.js";
import { millisecondsOf, timestampOfJson } from "../../src/rpc/decoding/timestamp.js";
import { createEventDecoder } from "../../src/rpc/streams/batch-decoder.js";
import { eventOf, openEventStream } from "../support/event-stream.js";
import { faceNames, openFace } from "../support/rpc-faces.js";
import { type ServiceNode, startServiceNode } from "../support/service-node.js";

const time = Date.UTC(2026, 10, 29, 13, 20, 0, 123);
const { publishEvent } = EventService.method;

let node: ServiceNode;
let instanceId: string;
let events: Event[];
beforeAll(async () => {
  node = await startServiceNode();
  ({ id: instanceId } = await node.createInstance("desk"));
});
afterAll(() => node.close());
beforeEach(() => {
  events = node.eventsOf(instanceId);
});

const event = (more: { occurredAt?: Timestamp } = {}): MessageInitShape<typeof PublishEventRequestSchema> => ({
  ...eventOf("desk", "call.update", "{}"),
  ...more,
});
const occurredAt = () => events.map((event) => event.occurredAt);

it.each(faceNames)("is carried over %s, and absent when the producer gives none", async (name) => {
  const face = openFace(name, node.url);
  const headers = { token: node.token };
  for (const request of [event({ occurredAt: timestampFromMs(time) }), event()])
    expect((await face.call(publishEvent, request, headers)).outcome).toMatchObject({ answer: { success: true } });
  expect(occurredAt()).toEqual([time, undefined]);
  const before1970 = event({ occurredAt: timestampFromMs(-1) });
  expect((await face.call(publishEvent, before1970, headers)).outcome).toMatchObject({
    reason: "INVALID_REQUEST_BODY",
  });
  face.close();
});

it.each([
  ["gRPC", () => createGrpcTransport({ baseUrl: node.url })],
  ["gRPC with JSON", () => createGrpcTransport({ baseUrl: node.url, useBinaryFormat: false })],
  ["Connect with JSON", () => createConnectTransport({ baseUrl: node.url, httpVersion: "2", useBinaryFormat: false })],
])("is carried by the events of a batch over %s", async (_, transport) => {
  const stream = openEventStream(node.url, node.token, transport());
  const refused = event({ occurredAt: timestampFromMs(-62_135_596_800_000) });
  stream.send({ events: [event({ occurredAt: timestampFromMs(time) }), refused, event()] });
  expect(await stream.acknowledgement()).toMatchObject({
    published: 2,
    refusals: [{ index: 1, reason: "INVALID_REQUEST_BODY" }],
  });
  stream.end();
  expect(occurredAt()).toEqual([time, undefined]);
});

async function connect(member: string): Promise<{ status: number; violation: unknown }> {
  const response = await fetch(`${node.url}/eventwire.v1.EventService/PublishEvent`, {
    method: "POST",
    headers: { token: node.token, "content-type": "application/json" },
    body: `{"instance":"desk","event":"call.update","data":{}${member}}`,
  });
  const answer = (await response.json()) as { details?: { debug: { fieldViolations?: unknown[] } }[] };
  return { status: response.status, violation: answer.details?.[1]?.debug.fieldViolations?.[0] };
}

describe("in JSON", () => {
  it.each([
    ["2026-11-29T13:20:00.123Z", time],
    ["2026-11-29T18:50:00.123999999+05:30", time],
    ["1970-01-01T00:00:00Z", 0],
    ["9999-12-31T23:59:59.999999999Z", 253_402_300_799_999],
    ["2028-02-29T00:00:00Z", Date.UTC(2028, 1, 29)],
  ])("%s is a time", async (text, milliseconds) => {
    expect(await connect(`,"occurredAt":"${text}"`)).toMatchObject({ status: 200 });
    expect(await connect(`,"occurred_at":"${text}"`)).toMatchObject({ status: 200 });
    expect(occurredAt()).toEqual([milliseconds, milliseconds]);
  });

  it("null is no time", async () => {
    expect(await connect(',"occurredAt":null')).toMatchObject({ status: 200 });
    expect(occurredAt()).toEqual([undefined]);
  });

  const form = "must be a time as RFC 3339 writes it, such as 2026-11-29T13:20:00.123Z";
  const range = "must be a time from 1970-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z";
  it.each([
    ['"2026-11-29"', form],
    ['"2026-11-29 13:20:00Z"', form],
    ['"2026-11-29T13:20:00"', form],
    ['"2026-02-30T00:00:00Z"', form],
    ['"2026-11-29T24:00:00Z"', form],
    ['"2026-11-29T23:59:60Z"', form],
    ['"2026-11-29T13:20:00.1234567890Z"', form],
    ['"0000-01-01T00:00:00Z"', form],
    ['""', form],
    ["1795958400123", form],
    ["{}", form],
    ["[]", form],
    ['"1969-12-31T23:59:59.999Z"', range],
    ['"1970-01-01T00:30:00+01:00"', range],
    ['"0001-01-01T00:00:00Z"', range],
  ])("%s is refused with the rule", async (text, description) => {
    const violation = { field: "occurredAt", description };
    expect(await connect(`,"occurredAt":${text}`)).toMatchObject({ status: 400, violation });
    expect(events).toEqual([]);
  });
});

it("is refused when its binary form has numbers that no time has", () => {
  const refusal = (seconds: bigint, nanos: number) => {
    const init = { events: [event({ occurredAt: { $typeName: "google.protobuf.Timestamp", seconds, nanos } })] };
    const bytes = toBinary(PublishEventsRequestSchema, create(PublishEventsRequestSchema, init));
    const [decoded] = createEventDecoder().batch(Buffer.from(bytes)).events;
    try {
      return millisecondsOf(decoded?.occurredAt as Timestamp, "occurredAt");
    } catch (error) {
      return (error as AppError).reason;
    }
  };
  expect(refusal(1n, 999_999_999)).toBe(1_999);
  expect(refusal(0n, 0)).toBe(0);
  for (const [seconds, nanos] of [
    [-1n, 0],
    [253_402_300_800n, 0],
    [2n ** 63n - 1n, 0],
    [-(2n ** 63n), 0],
    [1n, -1],
    [1n, 1_000_000_000],
  ] as const)
    expect(refusal(seconds, nanos)).toBe("INVALID_REQUEST_BODY");
});

it("is read with every offset as the same moment", () => {
  for (const text of ["2026-11-29T13:20:00.123Z", "2026-11-30T03:20:00.123+14:00", "2026-11-29T01:20:00.123-12:00"])
    expect(millisecondsOf(timestampOfJson(text, "occurredAt"), "occurredAt")).toBe(time);
});
