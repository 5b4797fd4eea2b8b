/**
 * The calls that the public clients of the original make when they register a webhook and read it back, over real HTTP.
 * Each client compares the answer with what it sent.
 */

import { afterAll, beforeAll, expect, it } from "vitest";
import { type PublicServer, startPublicServer } from "../support/public-server.js";

let server: PublicServer;
beforeAll(async () => {
  server = await startPublicServer();
});
afterAll(() => server?.close());

const url = "https://app.example.net/webhooks/wa?tenant=7";
const events = ["message.exchange", "instance.state", "message.status"];
const answered = (message: string, rest: string) => ({
  status: 200,
  type: "application/json; charset=utf-8",
  text: `{"success":true,"message":"${message}",${rest}}`,
});
const configured = (webhook: string) => answered("Webhook configured successfully", `"webhook":${webhook}`);
const cleared = (label: string) =>
  `{"label":"${label}","enabled":false,"url":"","authorization":null,"byEvents":false,"events":[],"mediaBase64":false}`;

let made = 0;
/** Makes an instance as these clients do, and returns a caller with its token. */
async function desk(inline: object = {}) {
  const name = `desk-${++made}`;
  const token = `ti_token-of-${name}`;
  const created = await send(
    "POST",
    "/api/instance/new",
    server.accountToken,
    JSON.stringify({ name, token, ...inline }),
  );
  expect(created.status).toBe(201);
  return {
    name,
    created: created.text,
    set: (body: string) => send("POST", `/api/events/webhook/${name}`, token, body),
    get: (query = "") => send("GET", `/api/events/getWebhook/${name}${query}`, token),
    getAlias: (query = "") => send("GET", `/api/events/webhook/${name}${query}`, token),
  };
}

async function send(method: string, path: string, token: string, body?: string) {
  const headers = { token, ...(body !== undefined && { "content-type": "application/json" }) };
  const response = await fetch(`${server.url}${path}`, { method, headers, ...(body !== undefined && { body }) });
  return { status: response.status, type: response.headers.get("content-type"), text: await response.text() };
}

it("registers the label `default` by name, with every field, and gets back what it sent", async () => {
  const { set, get } = await desk();
  const sent = `{"label":"default","enabled":true,"url":"${url}","authorization":"Bearer svc-1","byEvents":true,"events":${JSON.stringify(events)},"mediaBase64":true}`;
  expect(await set(sent)).toEqual(configured(sent));
  expect(JSON.parse((await get("?label=default")).text).webhook).toEqual(JSON.parse(sent));
});

it("registers a label of its own, which stands beside `default`", async () => {
  const { set, get } = await desk();
  const sent = `{"label":"crm","enabled":true,"url":"${url}","authorization":null,"byEvents":false,"events":["message.exchange"],"mediaBase64":false}`;
  expect(await set(sent)).toEqual(configured(sent));
  const first = sent.replace("crm", "default");
  expect(await set(first)).toEqual(configured(first));
  expect(await get()).toEqual(answered("Webhooks retrieved", `"webhooks":[${sent},${first}]`));
});

it("registers without `byEvents` and without a label, and reads both as their defaults", async () => {
  const { set } = await desk();
  const kept = `"url":"${url}","authorization":"Bearer svc-1"`;
  expect(await set(`{"enabled":true,${kept},"events":${JSON.stringify(events)},"mediaBase64":true}`)).toEqual(
    configured(
      `{"label":"default","enabled":true,${kept},"byEvents":false,"events":${JSON.stringify(events)},"mediaBase64":true}`,
    ),
  );
});

it("sends keys that only the original knows, which are ignored", async () => {
  const { set } = await desk();
  const { status } = await set(`{"enabled":true,"url":"${url}","webhook_type":"json","headers":{"x":"y"},"retries":3}`);
  expect(status).toBe(200);
});

it("registers at the creation of the instance, beside a socket block, and finds the webhook in the list", async () => {
  const stored = `{"label":"default","enabled":true,"url":"${url}","authorization":"Bearer svc-1","byEvents":false,"events":["message.exchange"],"mediaBase64":true}`;
  const { name, created, get } = await desk({
    ...{ webhookEnabled: true, webhookURL: url, webhookAuthorization: "Bearer svc-1", webhookByEvents: false },
    ...{ webhookEvents: ["message.exchange"], webhookMediaBase64: true, websocketEnabled: true },
  });
  expect(created).toContain(`"webhook":${stored}`);
  expect(created).toContain('"websocket":{"enabled":true,"events":[],"mediaBase64":false}');
  expect(JSON.parse((await get("?label=default")).text).webhook).toEqual(JSON.parse(stored));
  const listed = await send("GET", `/api/instance/list?instanceName=${name}`, server.accountToken);
  expect(listed.text).toContain(`"webhook":${stored}`);
});

it("disables with the label alone, and the row stays, cleared", async () => {
  const { set, get } = await desk();
  await set(`{"label":"crm","enabled":true,"url":"${url}","authorization":"Bearer svc-1","events":["call.update"]}`);
  expect(await set('{"label":"crm","enabled":false}')).toEqual(configured(cleared("crm")));
  expect(await set('{"enabled":false}')).toEqual(configured(cleared("default")));
  expect(await get()).toEqual(answered("Webhooks retrieved", `"webhooks":[${cleared("crm")},${cleared("default")}]`));
});

it("reads back by `?label=crm`, by an empty `?label=`, and finds nothing under a label that was never set", async () => {
  const { set, get } = await desk();
  await set(`{"label":"crm","enabled":true,"url":"${url}"}`);
  await set(`{"enabled":true,"url":"${url}","byEvents":true}`);
  const read = async (query: string) => {
    const { status, text } = await get(query);
    const { success, message, webhook } = JSON.parse(text);
    return { status, success, message, label: webhook.label, byEvents: webhook.byEvents };
  };
  const found = { status: 200, success: true, message: "Webhook configuration retrieved" };
  expect(await read("?label=crm")).toEqual({ ...found, label: "crm", byEvents: false });
  expect(await read("?label=")).toEqual({ ...found, label: "default", byEvents: true });
  expect(await get("?label=other")).toEqual({
    status: 404,
    type: "application/json; charset=utf-8",
    text: '{"success":false,"error":{"message":"Webhook not configured for this instance"}}',
  });
});

it("lists an instance without webhooks as an empty list, and reads the same bytes under the alias", async () => {
  const { set, get, getAlias } = await desk();
  expect(await get()).toEqual(answered("Webhooks retrieved", '"webhooks":[]'));
  await set(`{"label":"crm","enabled":true,"url":"${url}"}`);
  for (const query of ["", "?label=crm", "?label=", "?label=other"])
    expect(await getAlias(query)).toEqual(await get(query));
});

it("registers the same body twice, as at each of its starts, and nothing changes", async () => {
  const { set, get } = await desk();
  const sent = `{"label":"default","enabled":true,"url":"${url}","authorization":"Bearer svc-1","byEvents":true,"events":[],"mediaBase64":false}`;
  const first = await set(sent);
  expect(await set(sent)).toEqual(first);
  expect(JSON.parse((await get()).text).webhooks.length).toBe(1);
});

it("reads the limit on every answer, which the bucket of all calls counts", async () => {
  const own = await startPublicServer({ RATE_LIMIT_GLOBAL: "2" });
  try {
    const call = async (method: string, path: string) => {
      const body = method === "POST" ? { body: "{}" } : {};
      const headers = { token: own.accountToken, "content-type": "application/json" };
      const { status, headers: got } = await fetch(`${own.url}${path}`, { method, headers, ...body });
      return [status, got.get("x-ratelimit-remaining")];
    };
    expect(await call("GET", "/api/events/getWebhook/desk")).toEqual([404, "1"]);
    expect(await call("POST", "/api/events/webhook/desk")).toEqual([404, "0"]);
    expect(await call("GET", "/api/events/webhook/desk")).toEqual([429, "0"]);
  } finally {
    await own.close();
  }
});
