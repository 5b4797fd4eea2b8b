/** Consumers that go on after a position, on a whole server that runs alone: over WebSockets and Subscribe. */

import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { scrape } from "../support/scrape.js";
import { subscribe } from "../support/subscriber.js";
import { type Control, openV1, type V1Consumer } from "../support/v1-consumer.js";

let server: PublicServer;
let instances = 0;

beforeAll(async () => {
  server = await startPublicServer({ HISTORY_EVENTS: "300", RATE_LIMIT_GLOBAL: "0" });
});
afterAll(() => server.close());

async function instance(websocket: object = { enabled: true }): Promise<string> {
  const name = `desk-${++instances}`;
  await server.createInstance(name, `token-of-${name}`, websocket);
  return name;
}

const pathOf = (name: string, query = "") => `/ws/${name}?token=token-of-${name}${query}`;
const connect = (name: string, query = ""): Promise<V1Consumer> => openV1(server.url, pathOf(name, query));

async function publish(name: string, from: number, to: number, event = "call.update"): Promise<void> {
  for (let n = from; n <= to; n++) await server.call("POST", `/api/events/publish/${name}`, { event, data: { n } });
}

type EventFrame = Control & { readonly data: { readonly n: number }; readonly position: string };

async function events(consumer: V1Consumer, count: number): Promise<EventFrame[]> {
  const frames: EventFrame[] = [];
  while (frames.length < count) {
    const frame = await consumer.frame();
    expect(frame.control).toBeUndefined();
    frames.push(frame as unknown as EventFrame);
  }
  return frames;
}

const numbers = (frames: readonly EventFrame[]) => frames.map(({ data }) => data.n);
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

describe("a WebSocket that goes on after a position", () => {
  it("gets what was published since, then what is published next, each with the position that others see", async () => {
    const name = await instance();
    const [first, witness] = [await connect(name), await connect(name)];
    const [hello] = [await first.frame(), await witness.frame()];
    await publish(name, 1, 3);
    const seen = await events(first, 2);
    first.socket.terminate();
    await publish(name, 4, 6);
    const second = await connect(name, `&after=${seen[1]?.position}`);
    const again = await second.frame();
    expect(again).toMatchObject({ resumed: true, resumeRefusal: null, replayed: 4 });
    await publish(name, 7, 8);
    const rest = await events(second, 6);
    expect(numbers([...seen, ...rest])).toEqual(upTo(8));
    const all = await events(witness, 8);
    expect([...seen, ...rest].map(({ position }) => position)).toEqual(all.map(({ position }) => position));
    expect(again.position).toBe(all[5]?.position);
    const third = await connect(name, `&after=${hello.position}`);
    expect(await third.frame()).toMatchObject({ resumed: true, replayed: 8 });
    expect(numbers(await events(third, 8))).toEqual(upTo(8));
  });

  it("gets only the types that it asks for now, and media as the channel has it now", async () => {
    const name = await instance({ enabled: true, mediaBase64: true });
    const first = await connect(name);
    const { position } = await first.frame();
    const data = { message: { media: { base64: "AAAA", mime: "image/png" } } };
    await server.call("POST", `/api/events/publish/${name}`, { event: "message.exchange", data });
    await publish(name, 2, 3);
    const whole = await connect(name, `&after=${position}`);
    expect((await whole.frame()).replayed).toBe(3);
    expect((await whole.frame()).data).toEqual(data);
    const narrow = await connect(name, `&after=${position}&events=call.update`);
    expect((await narrow.frame()).replayed).toBe(2);
    expect(numbers(await events(narrow, 2))).toEqual([2, 3]);
    await server.call("POST", `/api/events/websocket/${name}`, { enabled: true, events: ["message.exchange"] });
    const changed = await connect(name, `&after=${position}`);
    expect((await changed.frame()).replayed).toBe(1);
    expect((await changed.frame()).data).toEqual({ message: { media: { mime: "image/png" } } });
  });

  it("is told when it cannot, with a gap from the last event that it knows", async () => {
    const name = await instance();
    const first = await connect(name);
    await first.frame();
    await publish(name, 1, 1);
    const [known] = await events(first, 1);
    await publish(name, 2, 302);
    const second = await connect(name, `&after=${known?.position}`);
    expect(await second.frame()).toMatchObject({
      resumed: false,
      resumeRefusal: "the history does not reach back to the position",
      replayed: 0,
    });
    expect(await second.frame()).toMatchObject({ control: "gap", reason: "history_expired", instance: name });
    await publish(name, 303, 303);
    expect(numbers(await events(second, 1))).toEqual([303]);
    expect(await scrape(server.server.grpcUrl, 'eventwire_resumes_total{outcome="expired"}')).toEqual([1]);
  });

  it.each([
    ["a position of another gateway", "q7Zt0aPk.1042.mrd0w1h7", "the position is of another history"],
    ["a text that is none", "1042", "the text is not a position"],
    ["an SQL statement", "'%20OR%201=1--", undefined],
    ["more than 64 characters", "x".repeat(65), undefined],
    ["other characters than ASCII", "k3f9.%C3%A4", undefined],
  ])("is refused, or told so, when it presents %s", async (_, after, refusal) => {
    const consumer = await connect(await instance(), `&after=${after}`);
    const frame = await consumer.frame();
    if (refusal !== undefined)
      expect(frame).toMatchObject({ control: "hello", resumed: false, resumeRefusal: refusal });
    else
      expect(frame).toMatchObject({
        control: "refused",
        status: 400,
        rule: "after must be 1 to 64 visible ASCII characters",
      });
  });

  it("gets no event of another instance, whose position it presents", async () => {
    const [mine, other] = [await instance(), await instance()];
    const [me, them] = [await connect(mine), await connect(other)];
    await me.frame();
    const { position } = await them.frame();
    await publish(other, 1, 2);
    await publish(mine, 1, 1);
    const [first] = await events(them, 1);
    const again = await connect(mine, `&after=${first?.position}`);
    expect(await again.frame()).toMatchObject({ resumed: true, replayed: 1 });
    expect(await again.frame()).toMatchObject({ data: { n: 1 }, instanceData: { instance: mine } });
    await publish(mine, 2, 2);
    expect(await again.frame()).toMatchObject({ data: { n: 2 }, instanceData: { instance: mine } });
    const early = await connect(mine, `&after=${position}`);
    expect((await early.frame()).replayed).toBe(2);
  });

  it("gets the events of all instances of its account, each by the filter of its own channel", async () => {
    const [a, b] = [await instance(), await instance({ enabled: true, events: ["label.update"] })];
    const path = `/ws?token=${server.accountToken}`;
    const first = await openV1(server.url, path);
    const { position } = await first.frame();
    await publish(a, 1, 2);
    await publish(b, 3, 4);
    await publish(b, 5, 5, "label.update");
    await publish(a, 6, 6);
    const second = await openV1(server.url, `${path}&after=${position}`);
    expect(await second.frame()).toMatchObject({ instance: "", resumed: true, replayed: 4 });
    expect(numbers(await events(second, 4))).toEqual([1, 2, 5, 6]);
    // The position of an account holds for one of its instances too.
    const one = await connect(a, `&after=${position}`);
    expect((await one.frame()).resumed).toBe(true);
  });
});

describe.each([
  ["gRPC", () => createGrpcTransport({ baseUrl: server.server.grpcUrl })],
  [
    "Connect with JSON",
    () => createConnectTransport({ baseUrl: server.url, httpVersion: "1.1", useBinaryFormat: false }),
  ],
])("a Subscribe stream over %s that goes on after a position", (_, transport) => {
  it("gets what was published since, and the media as raw bytes", async () => {
    const name = await instance({ enabled: true, mediaBase64: true });
    const token = `token-of-${name}`;
    const socket = await connect(name);
    const { position: after } = await socket.frame();
    const data = { message: { media: { base64: "AAAA" } } };
    await server.call("POST", `/api/events/publish/${name}`, { event: "message.exchange", data });
    await publish(name, 2, 3);
    const { next } = subscribe(transport(), token, { instance: name, after: String(after), media: true });
    expect((await next()).value).toMatchObject({ resumed: true, replayed: 3 });
    const first = (await next()).value as { media: Uint8Array; position: string };
    expect([...first.media]).toEqual([0, 0, 0]);
    expect(first.position).toBe((await socket.frame()).position);
    await publish(name, 4, 4);
    for (const _event of [2, 3])
      expect((await next()).value).toHaveProperty("position", (await socket.frame()).position);
    expect((await next()).case).toBe("event");
  });

  it("is told when it cannot, and a text with other characters than ASCII is refused", async () => {
    const name = await instance();
    const token = `token-of-${name}`;
    const { next } = subscribe(transport(), token, { instance: name, after: "k3f9.1.1" });
    expect((await next()).value).toMatchObject({ resumed: false, replayed: 0 });
    expect(await next()).toMatchObject({ case: "gap", value: { reason: "history_expired" } });
    const refused = await subscribe(transport(), token, { instance: name, after: "k3f9 1" }).ended;
    expect(refused?.rawMessage).toContain("Invalid request");
  });
});

it("a thousand connections that break one after the other get every event once", { timeout: 120_000 }, async () => {
  const name = await instance();
  let [n, after] = [0, String((await (await connect(name)).frame()).position)];
  for (let blink = 0; blink < 1_000; blink++) {
    const more = blink % 4;
    const missed = publish(name, n + 1, n + more);
    const consumer = await connect(name, `&after=${after}`);
    expect(await consumer.frame()).toMatchObject({ control: "hello", resumed: true });
    await missed;
    const frames = await events(consumer, more);
    for (const frame of frames) expect(frame.data.n).toBe(++n);
    after = frames.at(-1)?.position ?? after;
    consumer.socket.terminate();
  }
  expect(n).toBe(1_500);
});
