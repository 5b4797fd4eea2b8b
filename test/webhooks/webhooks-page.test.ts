/** The commands and programs of docs/WEBHOOKS.md, run as they stand there. test/webhooks/sender/signature.test.ts runs those on signatures. */

import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { freePort } from "../support/free-port.js";
import { query } from "../support/postgres.js";
import { watchProgram } from "../support/program.js";
import { createProject } from "../support/project.js";
import type { PublicServer } from "../support/public-server.js";
import { startReceiver } from "../support/receiver.js";
import { lacks } from "../support/requirements.js";
import { scrape } from "../support/scrape.js";
import { until } from "../support/until.js";
import { hookedInstance, publish, setHook, startWebhookServer } from "../support/webhook-server.js";
import { webhooksBlock } from "../support/webhooks-page.js";

let server: PublicServer;
beforeAll(async () => {
  server = await startWebhookServer();
});
afterAll(() => server.close());

const withoutCurl = await lacks("curl");

/** Runs a command of a page for an instance of the server, and returns what it prints. */
async function run(command: string, instance: string): Promise<string> {
  const code = command.replace("http://localhost:8080", server.url).replace("desk-1", instance);
  const env = { ...process.env, Token_Account: server.accountToken };
  return (await promisify(execFile)("bash", ["-c", code], { env })).stdout;
}

it.skipIf(withoutCurl)("the command that sets a webhook prints what the page shows", async () => {
  await server.createInstance("desk-1", "ti_desk-1-token");
  const comparable = (text: string) => text.trim().replace(/whsec_[\w+/]{43}=/, "SECRET");
  const printed = await run(webhooksBlock("Set a webhook", "bash"), "desk-1");
  expect(comparable(printed)).toBe(comparable(webhooksBlock("Set a webhook", "json")));
});

it.skipIf(withoutCurl)("the commands for operators list what waits, and replay what died", async () => {
  let status = 503;
  const receiver = await startReceiver((answer) => answer.writeHead(status).end("told"));
  const name = await hookedInstance(server, receiver.origin);
  const { id } = await publish(server, name, { n: 1 });
  const list = async () => JSON.parse(await run(webhooksBlock("A receiver is down", "bash"), name)).deliveries;
  await until(async () => (await list()).length === 0);
  expect((await run(webhooksBlock("Replay a day", "bash"), name)).trim()).toBe(
    '{"success":true,"message":"Deliveries replayed","replayed":1}',
  );
  status = 204;
  await until(async () => (await list()).length === 0);
  expect(new Set(receiver.requests.map(({ headers }) => headers["webhook-id"]))).toEqual(new Set([id]));
});

it("every call that the page names is one of the API", () => {
  const { paths } = JSON.parse(readFileSync("gen/openapi.json", "utf8"));
  const named = [...readFileSync("docs/WEBHOOKS.md", "utf8").matchAll(/`(GET|POST) (\/api\/[^`?]*)`/g)];
  expect(named.length).toBeGreaterThan(7);
  for (const [, method = "", path = ""] of named) {
    const route = path.replace(":instance", "{instance}").replace("desk-1", "{instance}");
    expect(paths[route]?.[method.toLowerCase()], `${method} ${path}`).toBeDefined();
  }
});

it("the request that the page shows has the headers that a receiver gets, in this order", async () => {
  const receiver = await startReceiver();
  const name = await hookedInstance(server, `${receiver.origin}/hook`, { sign: true });
  await publish(server, name, { id: "3EB0" }, "message.exchange");
  await until(() => receiver.requests.length === 1);
  const shown = [...webhooksBlock("What the receiver gets", "http").matchAll(/^([a-z-]+): /gm)].map(
    ([, header]) => header,
  );
  const got = Object.keys(receiver.requests[0]?.headers ?? {});
  expect(got.filter((header) => header !== "connection" && header !== "content-length")).toEqual(shown);
});

it("the statement for operators shows what waits, and what the receiver said", async () => {
  const receiver = await startReceiver((answer) => answer.writeHead(503).end());
  const name = await hookedInstance(server, receiver.origin);
  await publish(server, name, { n: 1 });
  const shown = async () => (await query(server.database.url, webhooksBlock("A receiver is down", "sql"))).rows;
  await until(async () => (await shown()).some((row) => row.name === name && row.status === 503));
  expect((await shown()).find((row) => row.name === name)).toMatchObject({
    label: "default",
    waiting: "1",
    status: 503,
  });
});

it("the consumer of both channels takes each event once, whichever channel brings it", async () => {
  const port = await freePort();
  const name = await hookedInstance(server, `http://127.0.0.1:${port}/`);
  const setSocket = (events: readonly string[]) =>
    server.call("POST", `/api/events/websocket/${name}`, { enabled: true, events });
  await setSocket([]);
  const code = webhooksBlock("Both together", "js");
  expect(code.trim().split("\n").length).toBeLessThanOrEqual(40);
  const program = code
    .replace("9000", String(port))
    .replace("http://localhost:8080", server.url)
    .replace("desk-1", name);
  const consumer = watchProgram(process.execPath, [createProject(program)], { EVENTWIRE_TOKEN: server.accountToken });
  await until(async () => (await scrape(server.server.grpcUrl, "eventwire_sockets"))[0] === 1);

  const numbers = (channel: RegExp) =>
    [...consumer.stdout.matchAll(/^(\w+) message\.status \{"n":(\d+)\}$/gm)].flatMap(([, by = "", n]) =>
      channel.test(by) ? [Number(n)] : [],
    );
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);
  const sorted = (channel: RegExp) => numbers(channel).toSorted((a, b) => a - b);

  for (const n of range(0, 30)) await publish(server, name, { n });
  await until(() => numbers(/./).length >= 30);
  await setSocket(["call.update"]);
  for (const n of range(30, 40)) await publish(server, name, { n });
  await until(() => numbers(/./).length >= 40);
  expect(sorted(/webhook/).slice(-10)).toEqual(range(30, 40));
  await setSocket([]);
  await setHook(server, name, { enabled: false });
  for (const n of range(40, 50)) await publish(server, name, { n });
  await until(() => numbers(/./).length >= 50);
  expect(sorted(/socket/).slice(-10)).toEqual(range(40, 50));
  expect(sorted(/./)).toEqual(range(0, 50));
});
