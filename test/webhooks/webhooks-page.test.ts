/** The commands and programs of docs/WEBHOOKS.md, run as they stand there. test/webhooks/sender/signature.test.ts runs those on signatures. */

import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { Command } from "commander";
import { afterAll, beforeAll, expect, it } from "vitest";
import { addWebhookCommands } from "../../src/cli/webhook-commands.js";
import { freePort } from "../support/free-port.js";
import { watchProgram } from "../support/program.js";
import { createProject } from "../support/project.js";
import type { PublicServer } from "../support/public-server.js";
import { startReceiver } from "../support/receiver.js";
import { lacks } from "../support/requirements.js";
import { scrape } from "../support/scrape.js";
import { until } from "../support/until.js";
import { runWebhookCommand } from "../support/webhook-commands.js";
import { hookedInstance, publish, setHook, startWebhookServer } from "../support/webhook-server.js";
import { webhookCommands, webhooksBlock } from "../support/webhooks-page.js";

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

it("the commands for operators find the receiver that is down, and mend its deliveries in the order of the page", async () => {
  // An answer of 403 pauses the webhook, so nothing dies while the commands run.
  const receiver = await startReceiver((answer) => answer.writeHead(403).end("told"));
  const name = await hookedInstance(server, receiver.origin);
  for (const n of [1, 2]) await publish(server, name, { n });
  await until(async () => (await runWebhookCommand(server, "queues")).some((line) => line.endsWith("403")));
  const printed: string[] = [];
  for (const command of webhookCommands("A receiver is down")) {
    const args = command.map((word) => (word === "desk-1" ? name : word));
    printed.push(`${command[0]}: ${(await runWebhookCommand(server, ...args)).join("\n")}`);
  }
  expect(printed).toEqual([
    expect.stringMatching(new RegExp(`^queues: .*\\n(.*\\n)*default +${name} +default +2 `)),
    expect.stringMatching(/^deliveries: .*\n2 +waiting .*\n1 +waiting .* 403$/),
    expect.stringMatching(/^delivery: delivery {2}1, waiting\n(.*\n)*.* 403 +told$/),
    "retry: retried  1",
    expect.stringMatching(/^test: queued {2}test event /),
    "skip: skipped  1",
    expect.stringMatching(/^set: .*\ndefault +disabled/),
  ]);
});

it("the command that replays a day brings the dead deliveries to the receiver again", async () => {
  let status = 422;
  const receiver = await startReceiver((answer) => answer.writeHead(status).end());
  const name = await hookedInstance(server, receiver.origin);
  const { id } = await publish(server, name, { n: 1 });
  const deliveries = async () => JSON.parse((await runWebhookCommand(server, "deliveries", name, "--json")).join("\n"));
  await until(async () => (await deliveries())[0].state === "dead");
  status = 204;
  const [command = []] = webhookCommands("Replay a day");
  const args = command.map((word) => (word === "desk-1" ? name : word.replace(/^2026-/, "2020-")));
  expect(await runWebhookCommand(server, ...args)).toEqual(["replayed  1"]);
  await until(async () => (await deliveries())[0].state === "delivered");
  expect(receiver.requests.map(({ headers }) => headers["webhook-id"])).toEqual([id, id]);
});

it("every command that the pages name exists", async () => {
  const page = ["README.md", "docs/WEBHOOKS.md", "docs/OPERATIONS.md"]
    .map((file) => readFileSync(file, "utf8"))
    .join("\n");
  const named = new Set([...page.matchAll(/eventwire webhook\s([a-z-]+)/g)].map(([, name = ""]) => name));
  const commands = new Command();
  addWebhookCommands(commands, { open: () => Promise.reject(), print() {}, instanceTokenMinLength: () => 8 });
  const known = commands.commands[0]?.commands.map((command) => command.name()).toSorted();
  expect([...named].toSorted()).toEqual(known);
  expect(/webhook ([a-z|-]+)`/.exec(page)?.[1]?.split("|").toSorted()).toEqual(known);
});

it("the start page says how to open ranges of private addresses", () => {
  expect(readFileSync("README.md", "utf8")).toMatch(/`WEBHOOK_ALLOW_PRIVATE=[\d./,]+`/);
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
