/** Streams on the public port whose client stops reading: the rule of 256, and the time until it is cut. */

import { afterAll, beforeAll, expect, it } from "vitest";
import { type EventStream, eventOf, openEventStream } from "../support/event-stream.js";
import { upTo } from "../support/fake-hub.js";
import { padding } from "../support/padding.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { connectOverHttp1 } from "../support/raw-subscriber.js";
import { scrape } from "../support/scrape.js";

let server: PublicServer;
let producer: EventStream;
beforeAll(async () => {
  server = await startPublicServer({ CLOSE_GRACE_SECONDS: "60", IDLE_TIMEOUT_SECONDS: "40" });
  await server.createInstance("desk", "ti_desk-one", { enabled: true });
  producer = openEventStream(server.server.grpcUrl, server.accountToken);
});
afterAll(async () => {
  producer.end();
  await server.close();
});

let published = 0;
async function publish(size: number, count: number): Promise<void> {
  const events = Array.from({ length: count }, () => {
    const n = ++published;
    return eventOf("desk", "call.update", `{"n":${n},"p":"${padding(n, size)}"}`);
  });
  producer.send({ events });
  await producer.acknowledgement();
}

const open = () => connectOverHttp1.open(server.port, "ti_desk-one", "desk");
const closes = () => scrape(server.server.grpcUrl, 'eventwire_socket_closes_total{code="4008"}');

it("a client that stops for longer than uWebSockets would wait gets everything when it reads again", {
  timeout: 60_000,
}, async () => {
  const [slow, quick] = [await open(), await open()];
  const first = published;
  slow.pause();
  // More than the kernel and the stream hold, and no more than may wait.
  for (let i = 0; i < 60; i++) await publish(100_000, 1);
  for (let i = 0; i < 15; i++) {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await publish(100, 1);
  }
  slow.resume();
  const all = upTo(published).slice(first);
  for (const reader of [slow, quick]) {
    await reader.has(all.length);
    expect(reader.got).toEqual(all);
    reader.kill();
  }
});

it("a client that stops is closed when a 257th frame would wait, and reads why after what was on its way", async () => {
  const reader = await open();
  const first = published;
  const [before = 0] = await closes();
  reader.pause();
  while ((await closes())[0] === before) await publish(20_000, 4);
  reader.resume();
  await reader.ended;
  expect(reader.closing).toMatchObject({ code: 4008, reason: "slow consumer", reconnect: true });
  expect(reader.closing?.waitingFrames).toBeGreaterThan(256);
  expect(reader.closing?.waitingFrames).toBeLessThanOrEqual(260);
  expect(reader.status).toBe("resource_exhausted");
  expect(reader.got).toEqual(upTo(first + reader.got.length).slice(first));
  expect(published - first - reader.got.length).toBeGreaterThan(256 - 33);
});

it("a client that is killed is forgotten, blocked or not", async () => {
  const [idle, blocked] = [await open(), await open()];
  blocked.pause();
  for (let i = 0; i < 80; i++) await publish(100_000, 1);
  idle.kill();
  blocked.kill();
  await expect.poll(() => scrape(server.server.grpcUrl, "eventwire_sockets")).toEqual([0]);
});
