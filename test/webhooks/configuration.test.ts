/** The configuration of webhooks, as clients of the original and of Eventwire use it. */

import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { query } from "../support/postgres.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";

let server: PublicServer;
beforeAll(async () => {
  server = await startPublicServer();
});
afterAll(() => server?.close());

const url = "https://app.example.net/hook?key=s3cr3t";
const whole = {
  label: "analytics",
  enabled: true,
  url,
  authorization: "Bearer svc-token",
  byEvents: true,
  events: ["message.status", "call.update", "message.status"],
  mediaBase64: true,
};
const off = { enabled: false, url: "", authorization: null, byEvents: false, events: [], mediaBase64: false };

let made = 0;
async function desk(body: object = {}): Promise<{ name: string; answer: string }> {
  const name = `desk-${++made}`;
  const { text } = await server.call("POST", "/api/instance/new", { name, ...body });
  return { name, answer: text };
}
const set = (name: string, body: unknown) => server.call("POST", `/api/events/webhook/${name}`, body);
const get = (name: string, query = "") => server.call("GET", `/api/events/getWebhook/${name}${query}`);
const configured = (webhook: object) => ({
  status: 200,
  text: JSON.stringify({ success: true, message: "Webhook configured successfully", webhook }),
});

describe("setting a webhook", () => {
  it("answers what it stored, every member in its place", async () => {
    const { name } = await desk();
    expect(await set(name, whole)).toEqual(configured(whole));
  });

  it("needs no more than `enabled` and `url`, and takes the label `default`", async () => {
    const { name } = await desk();
    const smallest = { label: "default", ...off, enabled: true, url };
    expect(await set(name, { enabled: true, url })).toEqual(configured(smallest));
    expect(await set(name, { label: "", enabled: true, url, authorization: null, events: null })).toEqual(
      configured(smallest),
    );
  });

  it("replaces and does not merge", async () => {
    const { name } = await desk();
    await set(name, whole);
    const again = { label: "analytics", ...off, enabled: true, url: "http://b.example.net" };
    expect(await set(name, { label: "analytics", enabled: true, url: "http://b.example.net" })).toEqual(
      configured(again),
    );
  });

  it("clears a webhook that is disabled by its label alone, and keeps its row", async () => {
    const { name } = await desk();
    await set(name, whole);
    const cleared = { label: "analytics", ...off };
    expect(await set(name, { label: "analytics", enabled: false })).toEqual(configured(cleared));
    expect(JSON.parse((await get(name)).text).webhooks).toEqual([cleared]);
  });

  it("refuses a fourth enabled webhook, and lets an enabled one change", async () => {
    const { name } = await desk();
    for (const label of ["a", "b", "c"]) expect((await set(name, { label, enabled: true, url })).status).toBe(200);
    expect(await set(name, { label: "d", enabled: true, url })).toEqual({
      status: 409,
      text: '{"success":false,"error":{"message":"Webhook limit reached"}}',
    });
    expect((await set(name, { label: "b", enabled: true, url: "http://b.example.net" })).status).toBe(200);
    expect((await set(name, { label: "d", enabled: false })).status).toBe(200);
    await set(name, { label: "a", enabled: false });
    expect((await set(name, { label: "d", enabled: true, url })).status).toBe(200);
  });

  it("never enables a fourth webhook when calls come at once", async () => {
    const { name } = await desk();
    const labels = ["a", "b", "c", "d", "e", "f"];
    const answers = await Promise.all(labels.map((label) => set(name, { label, enabled: true, url })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 409, 409, 409]);
  });

  it.each([
    ["no body", undefined],
    ["no `enabled`", { url }],
    ["`enabled` that is no boolean", { enabled: "true", url }],
    ["an enabled one without a URL", { enabled: true }],
    ["a relative URL", { enabled: true, url: "/hook" }],
    ["a URL of another scheme", { enabled: true, url: "ftp://a.example.net" }],
    ["a URL without a host", { enabled: true, url: "https:///hook" }],
    ["an unknown event type", { enabled: true, url, events: ["message"] }],
    ["a header with a line break", { enabled: true, url, authorization: "a\r\nb: c" }],
    ["a label with a control character", { enabled: true, url, label: "a\u0001" }],
    ["a label of 101 characters", { enabled: true, url, label: "x".repeat(101) }],
    ["a wrong type in a disabled one", { enabled: false, events: "all" }],
    ["a secret that is none", { enabled: true, url, secret: "whsec_short" }],
    ["31 seconds", { enabled: true, url, timeoutSeconds: 31 }],
  ])("refuses %s, and saves nothing", async (_, body) => {
    const { name } = await desk();
    expect(await set(name, body)).toEqual({
      status: 400,
      text: '{"success":false,"error":{"message":"Invalid request body"}}',
    });
    expect(JSON.parse((await get(name)).text).webhooks).toEqual([]);
  });

  it("shows additions only when they say something", async () => {
    const { name } = await desk();
    const secret = `whsec_${randomBytes(32).toString("base64")}`;
    const base = { label: "default", ...off, enabled: true, url };
    expect(await set(name, { enabled: true, url, ordered: true, timeoutSeconds: 10 })).toEqual(configured(base));
    expect(await set(name, { enabled: true, url, secret, ordered: false, timeoutSeconds: 30 })).toEqual(
      configured({ ...base, secret, ordered: false, timeoutSeconds: 30 }),
    );
  });

  it("generates a secret, and keeps it while it is asked to sign", async () => {
    const { name } = await desk();
    const secretOf = async (body: object) =>
      JSON.parse((await set(name, { enabled: true, url, ...body })).text).webhook.secret;
    const secret = await secretOf({ sign: true });
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(await secretOf({ sign: true })).toBe(secret);
    expect(await secretOf({})).toBeUndefined();
    expect(await secretOf({ sign: true })).not.toBe(secret);
  });
});

describe("reading webhooks", () => {
  it("lists all of them by label, and none as an empty list", async () => {
    const { name } = await desk();
    expect(await get(name)).toEqual({
      status: 200,
      text: '{"success":true,"message":"Webhooks retrieved","webhooks":[]}',
    });
    await set(name, { label: "b", enabled: true, url });
    await set(name, { label: "a", enabled: false });
    const labels = JSON.parse((await get(name)).text).webhooks.map(({ label }: { label: string }) => label);
    expect(labels).toEqual(["a", "b"]);
  });

  it("reads one by its label, and takes an empty label for `default`", async () => {
    const { name } = await desk();
    await set(name, whole);
    await set(name, { enabled: true, url });
    expect(JSON.parse((await get(name, "?label=analytics")).text)).toMatchObject({
      message: "Webhook configuration retrieved",
      webhook: whole,
    });
    expect(JSON.parse((await get(name, "?label=")).text).webhook.label).toBe("default");
    expect(await get(name, "?label=other")).toEqual({
      status: 404,
      text: '{"success":false,"error":{"message":"Webhook not configured for this instance"}}',
    });
  });

  it("answers alike under the other path", async () => {
    const { name } = await desk();
    await set(name, whole);
    for (const query of ["", "?label=analytics"]) {
      expect(await server.call("GET", `/api/events/webhook/${name}${query}`)).toEqual(await get(name, query));
    }
  });
});

describe("an instance", () => {
  const inline = {
    webhookEnabled: true,
    webhookURL: url,
    webhookAuthorization: "Bearer x",
    webhookByEvents: true,
    webhookEvents: ["call.update"],
    webhookMediaBase64: true,
  };
  const stored = { ...whole, label: "default", authorization: "Bearer x", events: ["call.update"] };

  it("is created with its webhook, which the list shows", async () => {
    const { name, answer } = await desk(inline);
    expect(JSON.parse(answer).webhook).toEqual(stored);
    expect(JSON.parse(answer).websocket).toBeUndefined();
    const { text } = await server.call("GET", `/api/instance/list?instanceName=${name}`);
    expect(JSON.parse(text).instances[0].webhook).toEqual(stored);
  });

  it("is created all the same when its webhook is wrong, whatever becomes of its channel", async () => {
    const { name, answer } = await desk({ ...inline, webhookURL: "nowhere", websocketEnabled: true });
    expect(JSON.parse(answer)).toMatchObject({
      websocket: { enabled: true },
      webhook: { label: "default", ...off },
    });
    expect(JSON.parse((await get(name)).text).webhooks).toEqual([{ label: "default", ...off }]);
  });

  it("shows no webhook where none was ever set, so that the list is as it was", async () => {
    const { name } = await desk();
    const { text } = await server.call("GET", `/api/instance/list?instanceName=${name}`);
    expect(JSON.parse(text).instances[0]).not.toHaveProperty("webhook");
  });

  it("takes its webhooks with it", async () => {
    const { name } = await desk(inline);
    await server.call("DELETE", `/api/instance/delete/${name}`);
    await server.call("POST", "/api/instance/new", { name });
    expect(JSON.parse((await get(name)).text).webhooks).toEqual([]);
  });
});

it("encrypts headers and secrets at rest, and writes none of them to the log", async () => {
  const { name } = await desk();
  await set(name, { ...whole, sign: true });
  const { rows } = await query(server.database.url, "select to_jsonb(webhook)::text as row from webhook");
  const stored = rows.map(({ row }) => row).join("\n");
  expect(stored).not.toContain("svc-token");
  expect(stored).not.toContain("whsec_");
  const log = server.log.join("\n");
  expect(log).toContain("webhook configured");
  for (const secret of ["svc-token", "whsec_", "s3cr3t"]) expect(log).not.toContain(secret);
});
