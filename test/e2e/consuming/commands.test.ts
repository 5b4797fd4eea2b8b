/** The commands of docs/CONSUMING.md, run in a shell against a real server: they print what the page says. */

import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventTypes } from "../../../src/domain/event-type.js";
import { comparable, localised, Part } from "../../support/consuming-page.js";
import { type Program, watchProgram } from "../../support/program.js";
import { type PublicServer, startPublicServer } from "../../support/public-server.js";
import { lacks } from "../../support/requirements.js";
import { until } from "../../support/until.js";
import { openV1 } from "../../support/v1-consumer.js";

const part = new Part("commands");
const page = {
  setUp: part.take("Consuming events", "bash"),
  tail: part.take("Connect", "bash"),
  ticket: part.take("Tickets", "bash"),
  ticketMade: part.take("Tickets", "json"),
  tailAll: part.take("All instances of an account", "bash"),
  ask: part.take("1", "bash"),
  publish: part.take("2", "bash"),
  published: part.take("2", "json"),
  read: part.take("3", "bash"),
  configuration: part.take("3", "json"),
  list: part.take("4", "bash"),
  listed: part.take("4", "json"),
  upgrade: part.take("5", "bash"),
  upgraded: part.take("5", ""),
  counters: part.take("6", "bash"),
  bus: part.take("7", "bash"),
  connected: part.take("7", ""),
};

let server: PublicServer;
let env: Record<string, string>;
beforeAll(async () => {
  server = await startPublicServer({ PUBLIC_URL: "http://localhost:8080" });
  await server.createInstance("desk-1", "ti_token-of-desk-1", { enabled: true });
  env = { EVENTWIRE_URL: server.url, EVENTWIRE_TOKEN: "ti_token-of-desk-1", Token_Account: server.accountToken };
});
afterAll(() => server.close());

const addresses = () => ({ url: server.url, grpcUrl: server.server.grpcUrl });
const publish = (instance: string, event: string) =>
  server.call("POST", `/api/events/publish/${instance}`, { event, data: { event } });

/** A command that goes on until its test ends. */
function follow(code: string, more: Record<string, string> = {}): Program & { frames(): Record<string, unknown>[] } {
  // The installed program has this name.
  const eventwire = `eventwire() { exec "${process.execPath}" "${resolve("dist/src/main.js")}" "$@"; }`;
  const program = watchProgram("bash", ["-c", `${eventwire}\n${localised(code, addresses())}`], { ...env, ...more });
  const frames = () =>
    program.stdout
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  return Object.assign(program, { frames });
}

/** What a command prints that ends by itself. */
async function print(code: string): Promise<string> {
  const shell = promisify(execFile)("bash", ["-c", localised(code, addresses())], { env: { ...process.env, ...env } });
  // curl ends with 28 when its time is over.
  const { stdout } = await shell.catch((error) => (error.code === 28 ? error : Promise.reject(error)));
  return comparable(stdout.trim());
}

it("the two variables", async () => {
  expect(await print(`${page.setUp}\nenv`)).toContain(`EVENTWIRE_URL=${server.url}\n`);
  expect(page.setUp).toContain("export EVENTWIRE_TOKEN=");
});

it("tail shows what a connection gets", async () => {
  const [narrowed, whole] = [follow(page.tail), follow(page.ask)];
  await until(() => narrowed.frames().length === 1 && whole.frames().length === 1);
  expect(narrowed.frames()[0]).toMatchObject({ filter: { events: ["call.update", "label.update"] } });
  expect(whole.frames()[0]).toMatchObject({ control: "hello", instance: "desk-1", filter: { events: eventTypes } });
  for (const event of ["message.status", "call.update"]) await publish("desk-1", event);
  await until(() => narrowed.frames().length === 2 && whole.frames().length === 3);
  expect([narrowed, whole].map((program) => program.frames().at(-1))).toMatchObject(
    Array(2).fill({ event: "call.update", data: { event: "call.update" } }),
  );
});

it("tail of all instances of an account", async () => {
  const all = follow(page.tailAll, { EVENTWIRE_TOKEN: server.accountToken });
  await until(() => all.frames().length === 1);
  expect(all.frames()[0]).toMatchObject({ control: "hello", instance: "" });
  await publish("desk-1", "call.update");
  await until(() => all.frames().length === 2);
  expect(all.frames()[1]).toMatchObject({ event: "call.update", instanceData: { instance: "desk-1" } });
});

it.skipIf(await lacks("curl"))("a ticket", async () => {
  expect(await print(page.ticket)).toBe(comparable(page.ticketMade));
});

it.skipIf(await lacks("curl"))(
  "the steps of the search for events that do not arrive",
  { timeout: 60_000 },
  async () => {
    const consumer = await openV1(server.url, "/ws/desk-1?token=ti_token-of-desk-1");
    await consumer.frame();
    expect(await print(page.publish)).toBe(comparable(page.published));
    expect(await print(page.read)).toBe(comparable(page.configuration));
    expect(await print(page.list)).toBe(comparable(page.listed));
    expect(await print(page.upgrade)).toBe(page.upgraded);
    const counters = await print(page.counters);
    for (const name of ["published", "without_client", "filtered"])
      expect(counters).toMatch(new RegExp(`^eventwire_events_${name}_total \\d+$`, "m"));
    expect(await print(page.bus)).toBe(page.connected);
  },
);

it("no block is left out", () => {
  expect(part.left).toEqual([]);
});
