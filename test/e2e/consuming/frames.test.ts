/** The frames that docs/CONSUMING.md shows are those that a consumer gets, and the codes in its programs are those of the contract. */

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { closeCatalogue } from "../../../gen/closes.js";
import { comparable, Part, sectionsWithoutTest } from "../../support/consuming-page.js";
import { startNatsServer } from "../../support/nats-server.js";
import { type PublicServer, startPublicServer } from "../../support/public-server.js";
import { lacks } from "../../support/requirements.js";
import { until } from "../../support/until.js";
import { openV1 } from "../../support/v1-consumer.js";

const part = new Part("frames");
const shown = Object.fromEntries(
  ["Frames", "`hello`", "`position`", "`config_changed`", "`gap`", "`closing`", "`refused`"].map((heading) => [
    heading.replaceAll("`", ""),
    comparable(part.take(heading, "json")),
  ]),
);
/** What the client says, and the answer. */
const conversations = {
  narrowed: [part.take("`narrowed`", "json"), part.take("`narrowed`", "json")],
  pong: [part.take("`pong`", "json"), part.take("`pong`", "json")],
} as const;
const notUnderstood = part.take("`error`", "json");

let server: PublicServer;
const path = "/ws/desk-1?token=ti_token-of-desk-1";
beforeAll(async () => {
  server = await start({});
});
afterAll(() => server.close());

async function start(env: Record<string, string>): Promise<PublicServer> {
  const started = await startPublicServer({ PUBLIC_URL: "http://localhost:8080", ...env });
  await started.createInstance("desk-1", "ti_token-of-desk-1", { enabled: true });
  return started;
}

async function another(env: Record<string, string>): Promise<PublicServer> {
  const started = await start(env);
  onTestFinished(() => started.close());
  return started;
}

async function open(at: PublicServer, to = path) {
  const consumer = await openV1(at.url, to);
  return { ...consumer, shown: async () => comparable(await consumer.next()) };
}

it("hello, an event, and what is answered", async () => {
  const consumer = await open(server, `${path}&events=call.update,label.update`);
  expect(await consumer.shown()).toBe(shown.hello);
  const data = { type: "chat", labelId: "7" };
  await server.call("POST", "/api/events/publish/desk-1", { event: "label.update", data });
  expect(await consumer.shown()).toBe(shown.Frames);
  for (const [said, answer] of Object.values(conversations)) {
    consumer.send(said);
    expect(await consumer.shown()).toBe(comparable(answer));
  }
  consumer.send({ control: "dance" });
  expect(await consumer.next()).toBe(notUnderstood);
});

it("config_changed and closing", async () => {
  const own = await another({});
  const consumer = await open(own);
  await consumer.next();
  await own.call("POST", "/api/events/websocket/desk-1", { enabled: true, events: ["label.update"] });
  expect(await consumer.shown()).toBe(shown.config_changed);
  await own.call("DELETE", "/api/instance/delete/desk-1");
  expect(await consumer.shown()).toBe(shown.closing);
});

it("refused", async () => {
  const consumer = await open(server, "/ws/desk-1?token=nobody");
  expect(await consumer.shown()).toBe(shown.refused);
});

it("position", { timeout: 60_000 }, async () => {
  const consumer = await open(await another({ IDLE_TIMEOUT_SECONDS: "8" }));
  await consumer.next();
  expect(await consumer.shown()).toBe(shown.position);
});

it.skipIf(await lacks("nats-server"))("gap", { timeout: 60_000 }, async () => {
  const nats = await startNatsServer();
  onTestFinished(() => nats.close());
  const own = await another({ NATS_URL: nats.url });
  const consumer = await open(own);
  await consumer.next();
  await nats.kill();
  const isAway = async () => (await (await fetch(`${own.server.grpcUrl}/metrics`)).text()).includes("bus_connected 0");
  await until(isAway);
  await nats.start();
  expect(await consumer.shown()).toBe(shown.gap);
});

it("each program ends after the codes that the catalogue says", () => {
  const page = readFileSync("docs/CONSUMING.md", "utf8");
  const final = Object.values(closeCatalogue).filter(({ reconnect }) => !reconnect);
  const lists = [...page.matchAll(/^ *(?:const |var )?final = .*[[{](.*)[\]}]/gim)].map(([, list = ""]) => list);
  const codes = lists.map((list) => (list.match(/\d{4}/g) ?? []).map(Number)).filter(({ length }) => length > 0);
  expect(codes).toHaveLength(3);
  for (const found of codes) expect(found).toEqual(final.map(({ code }) => code).sort((a, b) => a - b));
  const statuses = lists.map((list) => list.match(/(?<=status\.)\w+/g) ?? []).filter(({ length }) => length > 0);
  expect(statuses.map((found) => found.map((status) => status.toLowerCase()).sort())).toEqual([
    [...new Set(final.flatMap(({ status }) => (status === "" ? [] : [status])))].sort(),
  ]);
  const returning = Object.values(closeCatalogue).filter(({ reconnect }) => reconnect);
  for (const { status } of returning) expect(final.map((row) => row.status)).not.toContain(status);
});

it("no block of the page is left out", () => {
  expect(part.left).toEqual([]);
  expect(sectionsWithoutTest()).toEqual([]);
});
