/** A consumer of `eventwire.v1` always knows where it stands: each control frame byte for byte, on a whole server. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { file_eventwire_v1_frame } from "../../gen/eventwire/v1/frame_pb.js";
import { eventTypeRule, eventTypes } from "../../src/domain/event-type.js";
import { openConsumer } from "../support/consumer.js";
import { startDatabaseProxy } from "../support/database-proxy.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { scrape } from "../support/scrape.js";
import { until } from "../support/until.js";
import { openV1, type V1Consumer } from "../support/v1-consumer.js";

let server: PublicServer;
let instances = 0;
/** The path of a new instance, with its token. */
let path = "";
let name = "";

beforeAll(async () => {
  server = await startPublicServer({ IDLE_TIMEOUT_SECONDS: "8", SOCKET_PENDING_BYTES_MAX: "1000000" });
});
afterAll(() => server.close());

async function open(query = "", websocket: object = { enabled: true }): Promise<V1Consumer> {
  name = `desk-${++instances}`;
  path = `/ws/${name}?token=token-of-${name}`;
  await server.createInstance(name, `token-of-${name}`, websocket);
  return openV1(server.url, `${path}${query}`);
}

async function publish(...types: string[]): Promise<void> {
  for (const event of types) await server.call("POST", `/api/events/publish/${name}`, { event, data: {} });
}

const configure = (websocket: object) => server.call("POST", `/api/events/websocket/${name}`, websocket);
const opaque = /^[!-~]{1,64}$/;
const iso = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** The members of the messages of the contract, in their order, and those of the messages in them. */
function expectContract(text: string): void {
  const frame = JSON.parse(text);
  const title = String(frame.control).replace(/(?:^|_)(.)/g, (_, letter: string) => letter.toUpperCase());
  const desc = file_eventwire_v1_frame.messages.find((message) => message.name === `${title}Frame`);
  expect(Object.keys(frame)).toEqual(desc?.fields.map(({ jsonName }) => jsonName));
  for (const { jsonName, message } of desc?.fields ?? [])
    if (message && frame[jsonName] !== null)
      expect(Object.keys(frame[jsonName])).toEqual(message.fields.map((field) => field.jsonName));
}

describe("the first frame", () => {
  it("is `hello`, byte for byte", async () => {
    const consumer = await open("", { enabled: true, events: ["label.update", "call.update"], mediaBase64: true });
    const text = await consumer.next();
    const { connection, configurationVersion, position, time } = JSON.parse(text);
    expect(connection).toMatch(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(Math.abs(Date.parse(time) - Date.now())).toBeLessThan(60_000);
    expect(time).toMatch(iso);
    expect(configurationVersion).toBe(1);
    expect(position).toMatch(opaque);
    expect(text).toBe(
      `{"control":"hello","connection":"${connection}","instance":"${name}","filter":{"events":["call.update","label.update"],"mediaBase64":true},` +
        `"configurationVersion":1,"history":{"events":1024,"seconds":60},"position":"${position}",` +
        '"resumed":null,"resumeRefusal":null,"replayed":0,"heartbeatSeconds":4,' +
        `"waitingFramesMax":256,"waitingBytesMax":1000000,"time":"${time}","previous":null}`,
    );
    expectContract(text);
  });

  it.each([
    ["", eventTypes],
    ["&events=call.update", ["call.update"]],
  ])("says what the connection gets, asked with %j", async (query, events) => {
    const consumer = await open(query);
    expect((await consumer.frame()).filter).toEqual({ events, mediaBase64: false });
  });

  it("says that there is nothing to go on from, and how an earlier connection ended", async () => {
    const consumer = await open("&after=k3f9.1042.m0&previous=0198f0a2");
    const text = await consumer.next();
    expectContract(text);
    expect(JSON.parse(text)).toMatchObject({
      resumed: false,
      resumeRefusal: "the position is of another history",
      previous: { connection: "0198f0a2", code: 0, reason: "unknown", waitingFrames: 0, waitingBytes: 0 },
    });
  });
});

describe("an open connection", () => {
  it("hears of a changed, a disabled and an enabled channel", async () => {
    const consumer = await open();
    await consumer.frame();
    await configure({ enabled: true, events: ["call.update"], mediaBase64: true });
    await configure({ enabled: false });
    await configure({ enabled: true });
    const changed = (enabled: boolean, events: readonly string[], mediaBase64: boolean, version: number) =>
      `{"control":"config_changed","instance":"${name}","enabled":${enabled},"filter":${JSON.stringify({ events, mediaBase64 })},"configurationVersion":${version},"change":"changed"}`;
    const texts = await consumer.take(3);
    expect(texts).toEqual([
      changed(true, ["call.update"], true, 2),
      changed(false, ["call.update"], true, 3),
      changed(true, eventTypes, false, 4),
    ]);
    texts.forEach(expectContract);
  });

  it("narrows itself and takes the whole again, each event once and in order", async () => {
    const consumer = await open();
    await consumer.frame();
    consumer.send({ control: "narrow", events: ["label.update", "call.update"] });
    const narrowed = await consumer.next();
    expect(narrowed).toBe(
      '{"control":"narrowed","filter":{"events":["call.update","label.update"],"mediaBase64":false}}',
    );
    expectContract(narrowed);
    await publish("message.status", "call.update");
    await publish("group.flow", "label.update");
    consumer.send({ control: "narrow", events: [] });
    expect([(await consumer.frame()).event, (await consumer.frame()).event]).toEqual(["call.update", "label.update"]);
    expect((await consumer.frame()).filter).toEqual({ events: eventTypes, mediaBase64: false });
    await publish("message.status");
    expect((await consumer.frame()).event).toBe("message.status");
  });

  it("never gets more than the owner's filter takes", async () => {
    const consumer = await open("", { enabled: true, events: ["call.update"] });
    await consumer.frame();
    consumer.send({ control: "narrow", events: ["label.update", "call.update"] });
    expect((await consumer.frame()).filter).toEqual({ events: ["call.update"], mediaBase64: false });
    await publish("label.update", "call.update");
    expect((await consumer.frame()).event).toBe("call.update");
  });

  it("is answered its ping", async () => {
    const consumer = await open();
    await consumer.frame();
    consumer.send({ control: "ping" });
    const text = await consumer.next();
    const { time } = JSON.parse(text);
    expect(text).toBe(`{"control":"pong","time":"${time}"}`);
    expect(time).toMatch(iso);
    expectContract(text);
  });

  it.each([
    ["hello", "a message must be a JSON object as text"],
    ['{"control":"dance"}', "control must be in list [narrow, ping]"],
    ['{"control":"narrow","events":["x"]}', `events[0] ${eventTypeRule}`],
  ])("is told that %s is not understood, and stays open", async (message, rule) => {
    const consumer = await open();
    await consumer.frame();
    consumer.send(message);
    const text = await consumer.next();
    expect(text).toBe(`{"control":"error","message":"${rule}"}`);
    expectContract(text);
    await publish("call.update");
    expect((await consumer.frame()).event).toBe("call.update");
  });

  it("that nothing is published for hears so within the heartbeat, and again and again", {
    timeout: 30_000,
  }, async () => {
    const consumer = await open();
    const { position } = await consumer.frame();
    for (let beat = 0; beat < 2; beat++) {
      const text = await consumer.next();
      const { time } = JSON.parse(text);
      expect(text).toBe(`{"control":"position","position":"${position}","time":"${time}"}`);
      expectContract(text);
    }
  });

  it("whose network falls silent is forgotten by the node, and hears nothing, so that its client knows", {
    timeout: 60_000,
  }, async () => {
    await open().then((direct) => direct.socket.terminate());
    const sockets = async () => (await scrape(server.server.grpcUrl, "eventwire_sockets"))[0];
    await until(async () => (await sockets()) === 0);
    const network = await startDatabaseProxy(server.url);
    const consumer = await openV1(network.url.replace(/\/$/, ""), path);
    const { connection, heartbeatSeconds } = (await consumer.frame()) as {
      connection: string;
      heartbeatSeconds: number;
    };
    network.silence();
    let heard = 0;
    consumer.socket.on("message", () => heard++);
    // The node is as patient as its client, who hears nothing for twice the heartbeat.
    expect(2 * heartbeatSeconds).toBe(8);
    await until(async () => (await sockets()) === 0);
    expect(heard).toBe(0);
    await network.heal();
    const again = await openV1(network.url.replace(/\/$/, ""), `${path}&previous=${connection}`);
    expect(await again.frame()).toMatchObject({
      control: "hello",
      previous: { connection, reason: "no sign of life" },
    });
    await until(async () => (await sockets()) === 1);
    again.socket.terminate();
    await network.close();
  });
});

describe("many messages of one client", () => {
  it("end its connection, while all others get their events", async () => {
    const consumer = await open();
    const other = await openV1(server.url, path);
    await Promise.all([consumer.frame(), other.frame()]);
    for (let n = 0; n < 20_000; n++) consumer.send({ control: "ping" });
    await publish("call.update");
    expect((await other.frame()).event).toBe("call.update");
    expect((await consumer.end()).close).toEqual([4000, "protocol error"]);
  });

  it("that is plain are thrown away as always", async () => {
    await open().then(({ socket }) => socket.terminate());
    const plain = await openConsumer(server.url, path);
    for (let n = 0; n < 1_000; n++)
      plain.socket.send(n % 2 ? "nonsense" : '{"control":"narrow","events":["label.update"]}');
    await publish("call.update");
    expect(JSON.parse(await plain.next()).event).toBe("call.update");
  });
});
