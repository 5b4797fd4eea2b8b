/** The REST routes: what each answers, byte for byte, and in which order it checks. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { publishedText } from "../support/published.js";

let server: PublicServer;
let account: string;
const other = "ta_another-account";

beforeAll(async () => {
  server = await startPublicServer();
  account = server.accountToken;
  await server.createInstance("desk-1", "ti_desk-one");
  await server.createInstance("desk-2", "ti_desk-two");
  await server.createInstance("a b/é".replace("/", "%"), "ti_odd-name-1");
});

afterAll(() => server.close());

interface Call {
  readonly request: string;
  readonly token?: string;
  readonly body?: string;
}

async function send({ request, token, body }: Call) {
  const [method = "", path = ""] = request.split(" ");
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { ...(token && { token }), ...(body !== undefined && { "content-type": "application/json" }) },
    ...(body !== undefined && { body }),
  });
  return {
    status: response.status,
    type: response.headers.get("content-type"),
    text: await response.text(),
  };
}

function envelope(message: string): string {
  return `{"success":false,"error":{"message":"${message}"}}`;
}

const set = "POST /api/events/websocket/desk-1";
const get = "GET /api/events/getWebsocket/desk-1";

describe("the answers of the REST routes", () => {
  const rows: [name: string, call: () => Call, status: number, text: string | ReturnType<typeof publishedText>][] = [
    [
      "a channel that was never configured",
      () => ({ request: get, token: account }),
      404,
      envelope("WebSocket not configured for this instance"),
    ],
    [
      "everything enabled, as the account",
      () => ({ request: set, token: account, body: '{"enabled": true}' }),
      200,
      '{"success":true,"message":"WebSocket configured successfully","websocket":{"enabled":true,"events":[],"mediaBase64":false}}',
    ],
    [
      "a narrow filter, as the instance",
      () => ({
        request: set,
        token: "ti_desk-one",
        body: '{\n    "enabled":     true,\n    "events":      ["message.exchange", "instance.state"],\n    "mediaBase64": true\n}',
      }),
      200,
      '{"success":true,"message":"WebSocket configured successfully","websocket":{"enabled":true,"events":["message.exchange","instance.state"],"mediaBase64":true}}',
    ],
    [
      "the configuration as persisted",
      () => ({ request: get, token: "ti_desk-one" }),
      200,
      '{"success":true,"message":"WebSocket configuration retrieved","websocket":{"enabled":true,"events":["message.exchange","instance.state"],"mediaBase64":true}}',
    ],
    [
      "events in the order sent, duplicates included",
      () => ({
        request: set,
        token: account,
        body: '{"enabled":true,"events":["call.update","call.update","group.flow"]}',
      }),
      200,
      '{"success":true,"message":"WebSocket configured successfully","websocket":{"enabled":true,"events":["call.update","call.update","group.flow"],"mediaBase64":false}}',
    ],
    [
      "null for what has a default",
      () => ({ request: set, token: account, body: '{"enabled":true,"events":null,"mediaBase64":null}' }),
      200,
      '{"success":true,"message":"WebSocket configured successfully","websocket":{"enabled":true,"events":[],"mediaBase64":false}}',
    ],
    [
      "disabled: the rest is cleared and nothing is dropped from the answer",
      () => ({ request: set, token: account, body: '{"enabled":false,"events":["call.update"],"mediaBase64":true}' }),
      200,
      '{"success":true,"message":"WebSocket configured successfully","websocket":{"enabled":false,"events":[],"mediaBase64":false}}',
    ],
    [
      "a disabled channel is an answer, not an error",
      () => ({ request: get, token: account }),
      200,
      '{"success":true,"message":"WebSocket configuration retrieved","websocket":{"enabled":false,"events":[],"mediaBase64":false}}',
    ],
    ["no token", () => ({ request: set, body: '{"enabled":true}' }), 401, envelope("Invalid token")],
    ["an unknown token", () => ({ request: get, token: other }), 401, envelope("Invalid token")],
    [
      "an unknown instance",
      () => ({ request: "GET /api/events/getWebsocket/desk-9", token: account }),
      404,
      envelope("Instance not found"),
    ],
    [
      "another case of the name",
      () => ({ request: "GET /api/events/getWebsocket/Desk-1", token: account }),
      404,
      envelope("Instance not found"),
    ],
    [
      "another instance's token",
      () => ({ request: get, token: "ti_desk-two" }),
      403,
      envelope("Instance token does not match requested instance"),
    ],
    [
      "an instance token on an instance that does not exist",
      () => ({ request: "GET /api/events/getWebsocket/desk-9", token: "ti_desk-two" }),
      403,
      envelope("Instance token does not match requested instance"),
    ],
    [
      "an instance token where only an account may",
      () => ({
        request: "POST /api/events/publish/desk-1",
        token: "ti_desk-one",
        body: '{"event":"call.update","data":{}}',
      }),
      401,
      envelope("Invalid token"),
    ],
    [
      "an event",
      () => ({ request: "POST /api/events/publish/desk-1", token: account, body: '{"event":"call.update","data":{}}' }),
      200,
      publishedText(),
    ],
    [
      "an event on an unknown instance",
      () => ({ request: "POST /api/events/publish/desk-9", token: account, body: '{"event":"call.update","data":{}}' }),
      404,
      envelope("Instance not found"),
    ],
    [
      "a name that is taken",
      () => ({ request: "POST /api/instance/new", token: account, body: '{"name":"desk-1"}' }),
      409,
      envelope("Instance already exists"),
    ],
    [
      "a token that is taken",
      () => ({ request: "POST /api/instance/new", token: account, body: '{"name":"desk-3","token":"ti_desk-one"}' }),
      409,
      envelope("Token already in use"),
    ],
    [
      "a list that asks for one unknown name",
      () => ({ request: "GET /api/instance/list?instanceName=desk-9", token: account }),
      404,
      envelope("Instance not found"),
    ],
    [
      "a list that asks for names of which none exists",
      () => ({ request: "GET /api/instance/list?instanceName=desk-8,desk-9", token: account }),
      200,
      '{"success":true,"message":"0 Instances found","instances":[]}',
    ],
    [
      "the end of an unknown instance",
      () => ({ request: "DELETE /api/instance/delete/desk-9", token: account }),
      404,
      envelope("Instance not found"),
    ],
    [
      "an unknown path",
      () => ({ request: "GET /api/events/websockets/desk-1", token: account }),
      404,
      envelope("Not found"),
    ],
    [
      "a path without its instance",
      () => ({ request: "GET /api/events/getWebsocket/", token: account }),
      404,
      envelope("Not found"),
    ],
    [
      "a path behind the instance",
      () => ({ request: "GET /api/events/getWebsocket/desk-1/x", token: account }),
      404,
      envelope("Not found"),
    ],
    [
      "a wrong method",
      () => ({ request: "PUT /api/events/websocket/desk-1", token: account, body: "{}" }),
      405,
      envelope("Method not allowed"),
    ],
  ];

  it.each(rows)("%s", async (_, call, status, text) => {
    expect(await send(call())).toEqual({ status, type: "application/json; charset=utf-8", text });
  });
});

describe("the name of an instance in a path", () => {
  it("is percent-decoded", async () => {
    const path = `/api/events/getWebsocket/${encodeURIComponent("a b%é")}`;
    expect(await send({ request: `GET ${path}`, token: "ti_odd-name-1" })).toMatchObject({
      status: 404,
      text: envelope("WebSocket not configured for this instance"),
    });
  });

  it.each(["%", "%zz", "%e9", "%c3%28", "%ed%a0%80", "desk-1%", "desk%2F1", "%00", "desk-1%00", "a%20b%25%e9"])(
    "is nobody's when it reads %s",
    async (name) => {
      const request = `GET /api/events/getWebsocket/${name}`;
      expect(await send({ request, token: account })).toMatchObject({
        status: 404,
        text: envelope("Instance not found"),
      });
      expect(await send({ request, token: "ti_desk-one" })).toMatchObject({
        status: 403,
        text: envelope("Instance token does not match requested instance"),
      });
    },
  );

  it("wins over a member of the body", async () => {
    const body = '{"instance":"desk-2","enabled":true,"events":["group.flow"]}';
    expect(await send({ request: set, token: account, body })).toMatchObject({ status: 200 });
    expect(await send({ request: "GET /api/events/getWebsocket/desk-2", token: account })).toMatchObject({
      status: 404,
    });
  });
});

describe("instances", () => {
  it("are created, listed and deleted", async () => {
    const created = await send({
      request: "POST /api/instance/new",
      token: account,
      body: '{"name":"desk-7","token":"ti_desk-seven","websocketEnabled":true,"websocketEvents":["call.update"],"webhookUrl":"https://x.example.net"}',
    });
    const id = /"id":"([0-9a-f-]{36})"/.exec(created.text)?.[1];
    expect(created).toEqual({
      status: 201,
      type: "application/json; charset=utf-8",
      text: `{"success":true,"message":"Instance created","instance":{"id":"${id}","name":"desk-7","token":"ti_desk-seven","status":"disconnected"},"websocket":{"enabled":true,"events":["call.update"],"mediaBase64":false},"data":{"token":"ti_desk-seven"}}`,
    });
    const listed = `{"success":true,"message":"1 Instance found","instances":[{"id":"${id}","name":"desk-7","token":"ti_desk-seven","status":"disconnected","connection":{"state":"disconnected"},"websocket":{"enabled":true,"events":["call.update"],"mediaBase64":false}}]}`;
    const asAccount = await send({ request: "GET /api/instance/list?x=%zz&instanceName=desk%2D7", token: account });
    expect(asAccount).toMatchObject({ status: 200, text: listed });
    const asInstance = await send({ request: "GET /api/instance/list?instanceName=desk-1", token: "ti_desk-seven" });
    expect(asInstance).toMatchObject({ status: 200, text: listed });
    expect(await send({ request: "DELETE /api/instance/delete/desk-7", token: account })).toMatchObject({
      status: 200,
      text: '{"success":true,"message":"Instance deleted","instance":{"status":"deleted"}}',
    });
    expect(await send({ request: "GET /api/instance/list", token: "ti_desk-seven" })).toMatchObject({ status: 401 });
  });

  it("have no configuration in the answer when none was asked for", async () => {
    const { text } = await send({ request: "POST /api/instance/new", token: account, body: '{"name":"desk-8"}' });
    expect(Object.keys(JSON.parse(text))).toEqual(["success", "message", "instance", "data"]);
  });
});

describe("the health", () => {
  it("needs no token and names its parts", async () => {
    const { status, text } = await send({ request: "GET /health", token: other });
    expect(status).toBe(200);
    expect(text).toMatch(
      /^\{"status":"ok","service":"eventwire","uptime":\d+,"timestamp":"[\d-]+T[\d:.]+Z","checks":\{"db":"ok"\}\}$/,
    );
  });
});
