/** What callers read whose call for a webhook is wrong: the envelope, and in the header which field breaks which rule. */

import { afterAll, beforeAll, expect, it } from "vitest";
import { type PublicServer, startPublicServer } from "../support/public-server.js";

let server: PublicServer;
beforeAll(async () => {
  server = await startPublicServer();
  await server.createInstance("desk", "ti_desk-token");
  await send("POST", "", '{"label":"off","enabled":false}');
  await send("POST", "", '{"label":"on","enabled":true,"url":"https://app.example.net"}');
});
afterAll(() => server?.close());

async function send(method: string, path: string, body?: string | Buffer) {
  const response = await fetch(`${server.url}/api/events/webhook/desk${path}`, {
    method,
    headers: { token: server.accountToken, "content-type": "application/json" },
    ...(body !== undefined && { body }),
  });
  return { status: response.status, text: await response.text(), error: response.headers.get("eventwire-error") };
}

function invalid(field: string | undefined, rule: string) {
  return {
    status: 400,
    text: '{"success":false,"error":{"message":"Invalid request body"}}',
    error: `INVALID_REQUEST_BODY;${field === undefined ? "" : ` field="${field}";`} rule="${rule}"`,
  };
}

const hook = '"enabled":true,"url":"https://app.example.net"';
const notUrl = "must be an absolute http or https URL";
const notSecret = "must be whsec_ and the base64 of 24 to 64 bytes";
const notSeconds = "must be greater than or equal to 1 and less than or equal to 30";

it.each([
  ["", undefined, "body must be a JSON object: the text ends too early at byte 0"],
  ["[]", undefined, "body must be a JSON object"],
  ['\ufeff{"enabled":false}', undefined, "body must be a JSON object: a byte order mark stands at byte 0"],
  ["{}", "enabled", "value is required"],
  ['{"enabled":"true"}', "enabled", "must be a boolean"],
  ['{"enabled":true,"url":"app.example.net/hook"}', "url", notUrl],
  ['{"enabled":true,"url":"http://"}', "url", notUrl],
  ['{"enabled":true,"url":7}', "url", "must be a string"],
  [`{"enabled":true,"url":"https://a.example.net/${"x".repeat(2048)}"}`, "url", "must be at most 2048 characters"],
  [`{${hook},"label":"a\\u0085b"}`, "label", "must have no control characters"],
  [`{${hook},"label":"${"é".repeat(101)}"}`, "label", "must be at most 100 characters"],
  [`{${hook},"authorization":"a\\nb"}`, "authorization", "must be visible ASCII characters and spaces"],
  [`{${hook},"authorization":["a"]}`, "authorization", "must be a string"],
  [`{${hook},"events":"all"}`, "events", "must be a list"],
  [`{${hook},"events":["call.update",1]}`, "events[1]", "must be a string"],
  [`{${hook},"byEvents":"yes"}`, "byEvents", "must be a boolean"],
  [`{${hook},"secret":"whsec_YWJj"}`, "secret", notSecret],
  [`{${hook},"secret":""}`, "secret", notSecret],
  [`{${hook},"timeoutSeconds":0}`, "timeoutSeconds", notSeconds],
  [`{${hook},"timeoutSeconds":31}`, "timeoutSeconds", notSeconds],
  [`{${hook},"timeoutSeconds":1.5}`, "timeoutSeconds", "must be a whole number from 0 on"],
  [`{${hook},"timeoutSeconds":-1}`, "timeoutSeconds", "must be a whole number from 0 on"],
])("a webhook is not set, and the caller reads why: %s", async (body, field, rule) => {
  expect(await send("POST", "", body)).toEqual(invalid(field, rule));
});

const notTime = "must be a time of RFC 3339, such as 2026-11-29T13:00:00Z";

it.each([
  ["GET", "/deliveries?state=lost", undefined, "state", "must be waiting, delivered or dead"],
  ["GET", "/deliveries?since=2026-11-29", undefined, "since", notTime],
  ["GET", "/deliveries?cursor=x", undefined, "cursor", "must be the nextCursor of the page before"],
  ["GET", "/deliveries?limit=many", undefined, "limit", "must be a whole number from 0 on"],
  ["GET", "/delivery", undefined, "number", "must be the number of a delivery"],
  ["GET", "/delivery?number=1e3", undefined, "number", "must be the number of a delivery"],
  ["POST", "/retry", "{}", "number", "must be the number of a delivery"],
  ["POST", "/retry", '{"number":7}', "number", "must be a string"],
  ["POST", "/replay", '{"since":"yesterday"}', "since", notTime],
  ["POST", "/rotateSecret", '{"graceSeconds":604801}', "graceSeconds", "must be less than or equal to 604800"],
  ["POST", "/test", '{"label":7}', "label", "must be a string"],
])("%s %s %s is refused, and the caller reads why", async (method, path, body, field, rule) => {
  expect(await send(method, path, body)).toEqual(invalid(field, rule));
});

it.each(["/retry", "/replay", "/skip", "/test", "/rotateSecret"])(
  "%s of a webhook that was never set, or is disabled, says so",
  async (path) => {
    const body = (label: string) => JSON.stringify({ label, number: "1" });
    expect((await send("POST", path, body("never"))).error).toBe("WEBHOOK_NOT_CONFIGURED");
    const disabled = path === "/retry" || path === "/skip" ? "DELIVERY_NOT_FOUND" : "WEBHOOK_DISABLED";
    expect((await send("POST", path, body("off"))).error).toBe(disabled);
  },
);

it("a dead delivery of a disabled webhook is retried when the webhook is enabled again, and not before", async () => {
  await send("POST", "/test", '{"label":"on"}');
  expect((await send("POST", "/skip", '{"label":"on"}')).status).toBe(200);
  await send("POST", "", '{"label":"on","enabled":false}');
  expect(await send("POST", "/retry", '{"label":"on","number":"1"}')).toEqual({
    status: 409,
    text: '{"success":false,"error":{"message":"Webhook is disabled"}}',
    error: "WEBHOOK_DISABLED",
  });
  await send("POST", "", `{"label":"on",${hook}}`);
  expect((await send("POST", "/retry", '{"label":"on","number":"1"}')).status).toBe(200);
});
