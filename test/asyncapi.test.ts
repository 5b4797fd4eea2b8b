/** The AsyncAPI document says what a socket on `/ws/{instance}` sees. */

import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { closeCatalogue } from "../gen/closes.js";
import { file_eventwire_v1_frame } from "../gen/eventwire/v1/frame_pb.js";
import { eventTypes } from "../src/domain/event-type.js";
import { openConsumer } from "./support/consumer.js";
import { type PublicServer, startPublicServer } from "./support/public-server.js";
import { requestHead, sendRaw } from "./support/raw-http.js";

const text = readFileSync("docs/asyncapi.json", "utf8");
const document = JSON.parse(text);
const channel = document.channels.instance;
/** Every kind of control frame in the contract. */
const controls = file_eventwire_v1_frame.messages
  .filter(({ name, field }) => name.endsWith("Frame") && field.control !== undefined)
  .map(({ name }) =>
    name
      .replace(/Frame$/, "")
      .replace(/(?<=.)[A-Z]/g, "_$&")
      .toLowerCase(),
  );

it("is valid for the parser of AsyncAPI", async () => {
  const { document: parsed, diagnostics } = await new Parser().parse(text);
  // Which is no fault: the tools of many read no newer version.
  expect(diagnostics.map(({ code }) => code)).toEqual(["asyncapi-latest-version"]);
  expect(parsed?.version()).toBe("3.0.0");
  expect(
    parsed
      ?.allMessages()
      .all()
      .map((message) => message.name())
      .sort(),
  ).toEqual([...eventTypes, "event", ...controls, "narrow", "ping"].sort());
});

it("explains to plain clients every close that they can be told, and no other", () => {
  const codes = channel["x-close-codes"].map(({ code }: { code: number }) => code);
  expect(codes).toEqual([1001, 1009, 4001, 4004, 4008]);
});

it("has the whole close catalogue for clients of eventwire.v1", () => {
  const told = Object.values(closeCatalogue).map(({ code, reason, reconnect }) => ({
    code,
    reason,
    comeBack: reconnect,
  }));
  expect(document.channels.consumer["x-close-codes"]).toMatchObject(told);
});

describe("on a real socket", () => {
  let server: PublicServer;

  beforeAll(async () => {
    server = await startPublicServer();
    await server.createInstance("desk-1", "ti_desk-one", { enabled: true });
    await server.createInstance("off", "ti_switched-off");
  });

  afterAll(() => server.close());

  it.each(eventTypes)("a frame of %s has the members of its schema, in their order", async (event) => {
    const { PlainFrame, "PlainFrame.InstanceData": instanceData } = document.components.schemas;
    const consumer = await openConsumer(server.url, "/ws/desk-1?token=ti_desk-one");
    await server.call("POST", "/api/events/publish/desk-1", { event, data: { any: 1 } });
    const frame = JSON.parse(await consumer.next());
    expect(Object.keys(frame)).toEqual(Object.keys(PlainFrame.properties));
    expect(Object.keys(frame)).toEqual(PlainFrame.required);
    expect(Object.keys(frame.instanceData)).toEqual(Object.keys(instanceData.properties));
    expect(document.components.messages[frame.event].payload.allOf[1]).toEqual({
      properties: { event: { const: event } },
    });
    consumer.socket.terminate();
  });

  it.each([
    ["/ws/desk-1"],
    ["/ws/desk-1", "token: nobody"],
    ["/ws/desk-1", "token: ti_desk-one"],
    ["/ws/desk-1", "token: ti_desk-one", "Origin: https://evil.example.net"],
    ["/ws/off", "token: ti_desk-one"],
    ["/ws/off", "token: ti_switched-off"],
  ])("the refusal of %s %s %s is listed", async (path, ...lines) => {
    const refusal = await sendRaw(server.port, requestHead(`GET ${path}`, ...lines));
    const { message } = JSON.parse(refusal?.body ?? "").error;
    const [reason] = refusal?.headers.get("eventwire-error")?.[0]?.split(";") ?? [];
    const listed = { status: refusal?.status, reason, message: message.replace("/off", "/{instance}") };
    expect(channel["x-refusals"]).toContainEqual(expect.objectContaining(listed));
  });
});
