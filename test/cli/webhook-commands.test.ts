/** The commands for webhooks, beside a running service. */

import { Command } from "commander";
import { afterAll, beforeAll, expect, it } from "vitest";
import { addWebhookCommands } from "../../src/cli/webhook-commands.js";
import type { PublicServer } from "../support/public-server.js";
import { startReceiver } from "../support/receiver.js";
import { until } from "../support/until.js";
import { numberIn, publish, startWebhookServer } from "../support/webhook-server.js";

let server: PublicServer;
beforeAll(async () => {
  server = await startWebhookServer({ WEBHOOK_RETRY_SECONDS: "600" });
});
afterAll(() => server?.close());

/** The lines that a command prints. Fails where it would end with an error. */
async function run(...args: string[]): Promise<string[]> {
  const lines: string[] = [];
  await server.operate(async (store) => {
    const program = new Command("eventwire").exitOverride().configureOutput({ writeErr: () => {} });
    const open = async () => ({ ...store, close: async () => {} });
    addWebhookCommands(program, { open, print: (text) => void lines.push(text), instanceTokenMinLength: () => 8 });
    for (const command of program.commands.flatMap(({ commands }) => commands)) {
      command.exitOverride().configureOutput({ writeErr: () => {} });
    }
    await program.parseAsync(["webhook", ...args], { from: "user" });
  });
  return lines;
}

it("set a webhook, which the service then uses, and mend its deliveries", async () => {
  let failing = true;
  const receiver = await startReceiver((answer) => answer.writeHead(failing ? 500 : 200).end());
  await server.createInstance("desk", "ti_desk-token");
  expect(await run("set", "desk", "--url", receiver.origin, "--events", "message.status")).toEqual([
    `LABEL    STATE    ${"URL".padEnd(receiver.origin.length)}  EVENTS`,
    `default  enabled  ${receiver.origin}  message.status`,
  ]);
  // The service hears of the webhook by a notification of the database.
  await until(async () => {
    await publish(server, "desk", { n: 1 });
    return JSON.parse((await run("deliveries", "desk", "--json")).join("\n")).length === 1;
  });
  await publish(server, "desk", { n: 2 });
  await until(() => receiver.requests.length === 1);
  expect(await run("skip", "desk")).toEqual(["skipped  1"]);
  await until(() => receiver.requests.length === 2);
  failing = false;
  await until(async () => (await run("deliveries", "desk", "--state", "waiting")).some((line) => line.endsWith("500")));
  expect(await run("retry", "desk", "2")).toEqual(["retried  2"]);
  await until(() => receiver.requests.length === 3);
  expect(await run("replay", "desk", "--since", "2020-01-01T00:00:00Z")).toEqual(["replayed  1"]);
  await until(() => receiver.requests.length === 4);
  expect(receiver.requests.map(({ body }) => numberIn(body))).toEqual([1, 2, 2, 1]);
  expect((await run("test", "desk"))[0]).toMatch(/^queued {2}test event [0-9a-f-]{36}$/);
  await until(() => receiver.requests.length === 5);
  expect((await run("rotate-secret", "desk"))[0]).toMatch(/^secret {2}whsec_/);
  expect(await run("set", "desk", "--disable")).toEqual([
    "LABEL    STATE     URL  EVENTS",
    "default  disabled       all",
  ]);
  expect(JSON.parse((await run("list", "desk", "--json")).join("\n"))).toMatchObject([{ enabled: false }]);
});

it("say in one sentence what is wrong", async () => {
  await server.createInstance("other", "ti_other-token");
  await expect(run("skip", "other")).rejects.toThrow("There is no webhook default of the instance other.");
  await expect(run("list", "nobody")).rejects.toThrow("There is no instance nobody.");
  await expect(run("set", "other")).rejects.toThrow("--url is needed for an enabled webhook.");
  await expect(run("set", "other", "--url", "nowhere")).rejects.toThrow("It must be an absolute http or https URL.");
});
