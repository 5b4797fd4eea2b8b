/** The commands for webhooks, beside a running service. */

import { afterAll, beforeAll, expect, it } from "vitest";
import type { PublicServer } from "../support/public-server.js";
import { startReceiver } from "../support/receiver.js";
import { until } from "../support/until.js";
import { runWebhookCommand } from "../support/webhook-commands.js";
import { hookedInstance, numberIn, publish, startWebhookServer } from "../support/webhook-server.js";

let server: PublicServer;
beforeAll(async () => {
  server = await startWebhookServer({ WEBHOOK_RETRY_SECONDS: "600" });
  for (const name of ["other", "with-one"]) await server.createInstance(name, `ti_${name}-token`);
  await run("set", "with-one", "--url", "http://a.example.net");
});
afterAll(() => server?.close());

const run = (...args: string[]) => runWebhookCommand(server, ...args);
const runJson = async (...args: string[]) => JSON.parse((await run(...args, "--json")).join("\n"));

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
    return (await runJson("deliveries", "desk")).length === 1;
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
  expect(await runJson("list", "desk")).toMatchObject([{ enabled: false }]);
  for (const command of ["test", "replay", "rotate-secret"])
    await expect(run(command, "desk")).rejects.toThrow("Enable the webhook first.");
});

it("say what helps against a refusal, and why the gateway has disabled a webhook", async () => {
  const receiver = await startReceiver((answer) => answer.writeHead(410).end());
  const name = await hookedInstance(server, receiver.origin);
  const set = (label: string) => run("set", name, "--label", label, "--url", receiver.origin);
  for (const label of ["two", "three"]) await set(label);
  await expect(set("four")).rejects.toThrow("Disable one of them first.");
  await publish(server, name, { n: 1 });
  const state = /^default +disabled: The receiver answered 410\. +http/;
  await until(async () => (await run("list", name)).some((line) => state.test(line)));
});

it("set every field of a webhook, and print the secret of one that signs", async () => {
  await server.createInstance("whole", "ti_whole-token");
  const url = "https://app.example.net/hook";
  const lines = await run("set", "whole", "--label", "crm", "--url", url, "--sign", "--timeout", "30", "--unordered");
  expect(lines.at(-1)).toMatch(/^secret {2}whsec_/);
  const set = ["--events", "call.update, label.update", "--authorization", "Bearer it", "--by-events", "--media"];
  expect(await runJson("set", "whole", "--label", "crm", "--url", url, ...set)).toEqual({
    ...{ label: "crm", enabled: true, url, authorization: "Bearer it", byEvents: true, mediaBase64: true },
    ...{ events: ["call.update", "label.update"], ordered: true, timeoutSeconds: 10 },
  });
});

it("show which queues are long, and what the receiver answered to each attempt", async () => {
  const receiver = await startReceiver((answer) => answer.writeHead(503).end("try\nlater\u001b[2J"));
  const name = await hookedInstance(server, receiver.origin, { label: "crm" });
  for (let n = 1; n <= 3; n++) await publish(server, name, { n });
  const queues = async () =>
    (await runJson("queues")).filter(({ instance }: { instance: string }) => instance === name);
  await until(async () => (await queues())[0]?.last?.status === 503);
  expect(await queues()).toMatchObject([{ account: "default", instance: name, label: "crm", waiting: 3 }]);
  expect((await run("queues"))[0]).toBe(
    "ACCOUNT  INSTANCE  LABEL  WAITING  OLDEST                    FAILING SINCE             PAUSED UNTIL  LAST",
  );
  const shown = await run("delivery", name, "1", "--label", "crm");
  expect(shown[0]).toBe("delivery  1, waiting");
  expect(shown.at(-1)).toMatch(/^\d{4}-[^ ]+Z +\d+ +503 +try later \[2J$/);
  expect((await runJson("delivery", name, "1", "--label", "crm")).attempts).toMatchObject([{ status: 503 }]);
  expect(await run("deliveries", name, "--label", "crm", "--since", "2099-01-01T00:00:00Z")).toHaveLength(1);
});

it.each([
  [["skip", "other"], "There is no webhook default of the instance other."],
  [["list", "nobody"], "There is no instance nobody."],
  [["set", "other"], "--url is needed for an enabled webhook."],
  [["set", "other", "--url", "nowhere"], "It must be an absolute http or https URL"],
  [["set", "other", "--label", "", "--disable"], "It must be 1 to 100 characters without control characters."],
  [["set", "other", "--label", "a\tb", "--disable"], "It must be 1 to 100 characters without control characters."],
  [["set", "other", "--url", "http://a.example.net", "--events", "message"], "There is no event type message."],
  [["set", "other", "--url", "http://a.example.net", "--authorization", "a\r\nb: c"], "visible ASCII characters"],
  [["set", "other", "--url", "http://a.example.net", "--timeout", "31"], "It must be a whole number from 1 to 30."],
  [["deliveries", "other", "--limit", "0"], "It must be a whole number from 1 to 1000."],
  [["deliveries", "other", "--state", "lost"], "Allowed choices are waiting, delivered, dead."],
  [["retry", "other", "first"], "It must be the number of a delivery."],
  [["delivery", "with-one", "7"], "There is no delivery 7."],
  [["retry", "with-one", "7"], "There is no delivery 7 that waits or is dead."],
  [["skip", "with-one"], "No delivery waits."],
  [["replay", "with-one", "--since", "yesterday"], "It must be a time such as 2026-11-29T13:00:00Z."],
])("say in one sentence what is wrong: %j", async (args, sentence) => {
  await expect(run(...args)).rejects.toThrow(sentence);
});
