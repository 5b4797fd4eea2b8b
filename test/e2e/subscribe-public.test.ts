/** Streams on the public port whose client stops reading: the rule of 256, and the time until it is cut. */

import { setTimeout } from "node:timers/promises";
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
  for (const name of ["desk", "patient"]) await server.createInstance(name, `ti_of-${name}`, { enabled: true });
  producer = openEventStream(server.server.grpcUrl, server.accountToken);
});
afterAll(async () => {
  producer.end();
  await server.close();
});

/** How many events were published for each instance. */
const published = { desk: 0, patient: 0 };
type Name = keyof typeof published;

async function publish(size: number, count: number, instance: Name = "desk"): Promise<void> {
  const events = Array.from({ length: count }, () => {
    const n = ++published[instance];
    return eventOf(instance, "call.update", `{"n":${n},"p":"${padding(n, size)}"}`);
  });
  producer.send({ events });
  await producer.acknowledgement();
}

const open = (instance: Name = "desk") => connectOverHttp1.open(server.port, `ti_of-${instance}`, instance);
const closes = () => scrape(server.server.grpcUrl, 'eventwire_socket_closes_total{code="4008"}');

/** uWebSockets would cut a response some 12 s after the kernel took no more, and its time-out is no option. */
const longerMs = 15_000;

it("a client that stops is closed when a 257th frame would wait; one that stops for longer than uWebSockets would wait gets all", {
  timeout: 60_000,
}, async () => {
  const [slow, quick] = [await open("patient"), await open("patient")];
  slow.pause();
  // More than the kernel and the stream hold, and no more than may wait.
  for (let i = 0; i < 60; i++) await publish(100_000, 1, "patient");
  const longer = setTimeout(longerMs);

  const reader = await open();
  const [before = 0] = await closes();
  reader.pause();
  while ((await closes())[0] === before) await publish(20_000, 4);
  reader.resume();
  await reader.ended;
  // It reads why after what was on its way.
  expect(reader.closing).toMatchObject({ code: 4008, reason: "slow consumer", reconnect: true });
  expect(reader.closing?.waitingFrames).toBeGreaterThan(256);
  expect(reader.closing?.waitingFrames).toBeLessThanOrEqual(260);
  expect(reader.status).toBe("resource_exhausted");
  expect(reader.got).toEqual(upTo(reader.got.length));
  expect(published.desk - reader.got.length).toBeGreaterThan(256 - 33);

  await longer;
  await publish(100, 1, "patient");
  slow.resume();
  for (const { has, got, kill } of [slow, quick]) {
    await has(published.patient);
    expect(got).toEqual(upTo(published.patient));
    kill();
  }
});

it("a client that is killed is forgotten, blocked or not", async () => {
  const [idle, blocked] = [await open(), await open()];
  blocked.pause();
  for (let i = 0; i < 80; i++) await publish(100_000, 1);
  idle.kill();
  blocked.kill();
  await expect.poll(() => scrape(server.server.grpcUrl, "eventwire_sockets")).toEqual([0]);
});
