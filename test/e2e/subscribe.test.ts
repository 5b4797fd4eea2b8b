/** Subscribe on both ports of a whole server, in every protocol: its frames, its errors and its end. */

import { Code, type ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EventFrame } from "../../gen/eventwire/v1/frame_pb.js";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { scrape } from "../support/scrape.js";
import { subscribeFaces } from "../support/subscribe-faces.js";
import { subscribe } from "../support/subscriber.js";

let server: PublicServer;
beforeAll(async () => {
  server = await startPublicServer({ RATE_LIMIT_GLOBAL: "1000", MEDIA_MAX_BYTES: "1000" });
  for (const [at] of subscribeFaces.entries()) await server.createInstance(`desk ${at}`, `ti_desk-${at}-desk`);
});
afterAll(() => server.close());

const publish = async (instance: string, event: string, data: object): Promise<void> => {
  const { status, text } = await server.call("POST", `/api/events/publish/${encodeURIComponent(instance)}`, {
    event,
    data,
  });
  expect(status, text).toBe(200);
};
const configure = async (instance: string, websocket: object): Promise<void> => {
  const { status } = await server.call("POST", `/api/events/websocket/${encodeURIComponent(instance)}`, websocket);
  expect(status).toBe(200);
};
const reasonOf = (error: ConnectError | undefined) => [
  Code[error?.code ?? 0],
  error?.rawMessage,
  error?.findDetails(ErrorInfoSchema)[0]?.reason,
];
const base64 = Buffer.from("picture").toString("base64");

describe.each(subscribeFaces.map(({ name, open }, at) => ({ name, open, at })))("$name", ({ open, at }) => {
  const instance = `desk ${at}`;
  const token = `ti_desk-${at}-desk`;
  const start = (request: object = {}, given = token) => subscribe(open(server), given, { instance, ...request });

  it("says hello, and then every event in order, until the instance is deleted", async () => {
    await configure(instance, { enabled: true, mediaBase64: true });
    const [ofInstance, ofAccount] = [start(), start({}, server.accountToken)];
    for (const { next, header } of [ofInstance, ofAccount]) {
      expect(await next()).toMatchObject({
        case: "hello",
        value: { instance, filter: { mediaBase64: false }, waitingFramesMax: 256, replayed: 0 },
      });
      expect((await header).get("x-ratelimit-limit")).toBe("1000");
    }
    for (let n = 0; n < 50; n++) await publish(instance, "call.update", { n });
    for (const { data } of [ofInstance, ofAccount])
      expect(await data(50)).toEqual(Array.from({ length: 50 }, (_, n) => ({ n })));
  });

  it("gives an event its id, its time and its instance, and its media raw to those who ask", async () => {
    const [plain, rich] = [start(), start({ media: true })];
    for (const { next } of [plain, rich]) expect((await next()).case).toBe("hello");
    const before = Date.now();
    await publish(instance, "message.exchange", { message: { media: { type: "image", base64 } } });
    const [one, other] = [(await plain.next()).value as EventFrame, (await rich.next()).value as EventFrame];
    expect(one).toMatchObject({
      event: "message.exchange",
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      instanceData: { baseUrl: "https://wa.example.net", instance },
    });
    expect(Date.parse(one.time)).toBeGreaterThanOrEqual(before - 1_000);
    expect([one.id, one.time]).toEqual([other.id, other.time]);
    for (const { payload } of [one, other])
      expect(Buffer.from(payload.value as Uint8Array).toString()).toBe('{"message":{"media":{"type":"image"}}}');
    expect([one, other].map(({ media }) => Buffer.from(media).toString())).toEqual(["", "picture"]);
  });

  it("has no media while the channel takes none, and only the events that both sides want", async () => {
    await configure(instance, { enabled: true, events: ["message.exchange", "call.update"] });
    const stream = start({ media: true, events: ["message.exchange", "label.update"] });
    expect(await stream.next()).toMatchObject({
      value: { filter: { events: ["message.exchange"], mediaBase64: false } },
    });
    for (const type of ["call.update", "label.update"]) await publish(instance, type, { type });
    await publish(instance, "message.exchange", { media: { base64 } });
    expect((await stream.next()).value).toMatchObject({ event: "message.exchange", media: new Uint8Array(0) });
  });

  it("has all instances of an account for an empty name, and says what changes", async () => {
    const created = `new ${at}`;
    const stream = start({ instance: "", events: ["call.update"] }, server.accountToken);
    expect((await stream.next()).value).toMatchObject({ instance: "", filter: { events: ["call.update"] } });
    await server.createInstance(created, `ti_new-one-${at}`);
    await configure(created, { enabled: true });
    await publish(created, "label.update", { n: 1 });
    await publish(created, "call.update", { n: 2 });
    await publish(instance, "call.update", { n: 3 });
    const changes = [await stream.next(), await stream.next()];
    expect(changes).toMatchObject([
      { case: "configChanged", value: { instance: created, change: "created", enabled: false } },
      { case: "configChanged", value: { instance: created, change: "changed", enabled: true } },
    ]);
    for (const wanted of [created, instance])
      expect(await stream.next()).toMatchObject({ case: "event", value: { instanceData: { instance: wanted } } });
  });

  it("refuses what may not be opened, with the error of its reason", async () => {
    await configure(instance, { enabled: false });
    const other = `desk ${(at + 1) % subscribeFaces.length}`;
    const errors = [
      start({}, "nobody's-token"),
      start({ instance: other }),
      start({ instance: "none" }, server.accountToken),
      start({ instance: "" }),
      start({ events: ["call.Update"] }),
      start({ events: Array<string>(65).fill("call.update") }),
      start(),
    ].map(({ ended }) => ended);
    const invalid = ["InvalidArgument", "Invalid request body", "INVALID_REQUEST_BODY"];
    const mismatch = ["PermissionDenied", "Instance token does not match requested instance", "INSTANCE_MISMATCH"];
    expect((await Promise.all(errors)).map(reasonOf)).toEqual([
      ["Unauthenticated", "Invalid token", "INVALID_TOKEN"],
      mismatch,
      ["NotFound", "Instance not found", "INSTANCE_NOT_FOUND"],
      mismatch,
      invalid,
      invalid,
      [
        "FailedPrecondition",
        expect.stringContaining(`using POST /api/events/websocket/${instance}`),
        "WEBSOCKET_DISABLED",
      ],
    ]);
    const disabled = await errors.at(-1);
    expect(disabled?.metadata.get("eventwire-error")).toBe("WEBSOCKET_DISABLED");
    await configure(instance, { enabled: true });
  });

  it("answers an unknown position, and an earlier connection of which this release keeps nothing", async () => {
    const { value } = await start({ after: "k3f9.1042", previous: "0198f0a2" }).next();
    expect(value).toMatchObject({ resumed: false, previous: { connection: "0198f0a2", code: 0, reason: "unknown" } });
    expect((await start().next()).value).not.toHaveProperty("resumed", false);
  });

  it("ends at the deadline of its call, and delivery forgets it", async () => {
    const { next, ended } = subscribe(open(server), token, { instance }, { timeoutMs: 500 });
    expect((await next()).case).toBe("hello");
    expect(Code[(await ended)?.code ?? 0]).toBe("DeadlineExceeded");
    await expect.poll(() => scrape(server.server.grpcUrl, "eventwire_sockets")).toEqual([0]);
  });

  it("is forgotten when its client cancels", async () => {
    const { next, cancel, ended } = start();
    expect((await next()).case).toBe("hello");
    cancel();
    await ended;
    await expect.poll(() => scrape(server.server.grpcUrl, "eventwire_sockets")).toEqual([0]);
  });

  it("ends with the frame `closing` and the status of the close when its instance is deleted", async () => {
    const { next, ended } = start();
    expect((await next()).case).toBe("hello");
    await publish(instance, "call.update", { last: true });
    await server.call("DELETE", `/api/instance/delete/${encodeURIComponent(instance)}`);
    expect((await next()).case).toBe("event");
    expect(await next()).toMatchObject({
      case: "closing",
      value: { code: 4004, reason: "instance deleted", reconnect: false, retryAfterMs: 0, waitingFrames: 0 },
    });
    const error = await ended;
    expect(reasonOf(error)).toEqual(["NotFound", "instance deleted", "INSTANCE_DELETED"]);
    expect(error?.metadata.get("eventwire-error")).toBe("INSTANCE_DELETED");
  });
});
