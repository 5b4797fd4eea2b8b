/** Rate limits and CORS as the headers of every answer show them. */

import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { jsonRequest, type RawResponse, requestHead, sendRaw, upgradeHead } from "../support/raw-http.js";

let server: PublicServer;

beforeAll(async () => {
  server = await startPublicServer({
    RATE_LIMIT_GLOBAL: "6",
    RATE_LIMIT_CREATE: "4",
    ALLOWED_ORIGINS: "https://app.example.net",
  });
  await server.createInstance("desk-1", "ti_desk-one");
  await server.createInstance("desk-2", "ti_desk-two");
});

afterAll(() => server.close());

/** Limit, remaining, and whether the reset is a whole second of the coming minute. */
function rate(response: RawResponse | undefined) {
  const [limit, remaining, reset] = ["limit", "remaining", "reset"].map((name) =>
    response?.headers.get(`x-ratelimit-${name}`)?.join(),
  );
  const seconds = Number(reset) - Date.now() / 1000;
  return { limit, remaining, ahead: /^\d+$/.test(reset ?? "") && seconds > -1 && seconds <= 61 };
}

const limited = { status: 429, body: '{"success":false,"error":{"message":"Rate limit exceeded. Try again later."}}' };

describe("a token's window", () => {
  it("shows on every kind of answer, and is shared by REST, upgrades and RPC", async () => {
    const token = "token: ti_desk-one";
    const left = (remaining: number) => ({ limit: "6", remaining: String(remaining), ahead: true });
    const send = (bytes: string | Buffer) => sendRaw(server.port, bytes);

    const unconfigured = await send(requestHead("GET /api/events/getWebsocket/desk-1", token));
    expect([unconfigured?.status, rate(unconfigured)]).toEqual([404, left(5)]);
    const invalid = await send(jsonRequest("POST /api/events/websocket/desk-1", "{", token));
    expect([invalid?.status, rate(invalid)]).toEqual([400, left(4)]);
    const foreign = await send(requestHead("GET /api/events/getWebsocket/desk-2", token));
    expect([foreign?.status, rate(foreign)]).toEqual([403, left(3)]);
    const set = await send(jsonRequest("POST /api/events/websocket/desk-1", '{"enabled":true}', token));
    expect([set?.status, rate(set)]).toEqual([200, left(2)]);

    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/ws/desk-1?token=ti_desk-one`);
    const [answer] = await once(socket, "upgrade");
    expect(answer.headers).toMatchObject({ "x-ratelimit-limit": "6", "x-ratelimit-remaining": "1" });
    expect(answer.headers["x-ratelimit-reset"]).toMatch(/^\d+$/);

    const rpc = jsonRequest("POST /eventwire.v1.WebsocketService/GetWebsocket", '{"instance":"desk-1"}', token);
    const last = await send(rpc);
    expect([last?.status, rate(last)]).toEqual([200, left(0)]);

    for (const refused of [
      requestHead("GET /api/events/getWebsocket/desk-1", token),
      requestHead("GET /api/events/getWebsocket/desk-9", token),
      jsonRequest("POST /api/events/websocket/desk-1", "{", token),
      requestHead("GET /ws/desk-1", token),
    ]) {
      const response = await send(refused);
      expect(response).toMatchObject(limited);
      expect(rate(response)).toEqual(left(0));
    }
    const refusedRpc = await send(rpc);
    expect(refusedRpc?.status).toBe(429);
    expect(JSON.parse(refusedRpc?.body ?? "")).toMatchObject({ code: "resource_exhausted" });
    expect(rate(refusedRpc)).toEqual(left(0));
    // The socket that is open has nothing to do with it.
    expect(socket.readyState).toBe(WebSocket.OPEN);
    socket.terminate();

    const other = await send(requestHead("GET /api/instance/list", "token: ti_desk-two"));
    expect(other?.status).toBe(200);
  });

  it("is another one for creations", async () => {
    const create = () =>
      sendRaw(server.port, jsonRequest("POST /api/instance/new", '{"name":"desk-1"}', `token: ${server.accountToken}`));
    const conflict = await create();
    expect([conflict?.status, rate(conflict)]).toEqual([409, { limit: "4", remaining: "1", ahead: true }]);
    await create();
    expect(await create()).toMatchObject(limited);
  });

  it("is the address's for those without a valid token", async () => {
    const guess = (token: string) => sendRaw(server.port, requestHead("GET /api/instance/list", `token: ${token}`));
    for (let remaining = 5; remaining >= 0; remaining--) {
      const response = await guess(`guess-${remaining}`);
      expect([response?.status, rate(response)]).toEqual([401, { limit: "6", remaining: `${remaining}`, ahead: true }]);
    }
    expect(await guess("one more")).toMatchObject(limited);
    expect(await sendRaw(server.port, requestHead("GET /ws/desk-1"))).toMatchObject(limited);
    expect((await guess("ti_desk-two"))?.status).toBe(200);
  });

  it("does not show where nothing is limited", async () => {
    for (const head of [requestHead("GET /health"), requestHead("GET /nowhere"), requestHead("PUT /health")]) {
      expect(rate(await sendRaw(server.port, head))).toMatchObject({ limit: undefined, remaining: undefined });
    }
  });
});

describe("CORS", () => {
  const allowed = "Origin: https://app.example.net";
  const foreign = "Origin: https://evil.example.net";
  const requests: [name: string, bytes: (...lines: string[]) => string | Buffer][] = [
    ["a success", (...lines) => requestHead("GET /health", ...lines)],
    ["a refusal", (...lines) => requestHead("GET /api/instance/list", ...lines)],
    ["an unknown path", (...lines) => requestHead("GET /nowhere", ...lines)],
    ["a wrong method", (...lines) => requestHead("PUT /health", ...lines)],
    ["a refused upgrade", (...lines) => requestHead("GET /ws/desk-1", ...lines)],
    ["an RPC", (...lines) => jsonRequest("POST /eventwire.v1.HealthService/CheckHealth", "{}", ...lines)],
    ["a refused RPC", (...lines) => jsonRequest("POST /eventwire.v1.InstanceService/ListInstances", "{}", ...lines)],
    ["a preflight", (...lines) => requestHead("OPTIONS /api/instance/new", ...lines)],
  ];

  it.each(requests)("lets an allowed origin read %s, and no other", async (_, bytes) => {
    const granted = await sendRaw(server.port, bytes(allowed));
    expect(granted?.headers.get("access-control-allow-origin")).toEqual(["https://app.example.net"]);
    expect(granted?.headers.get("vary")).toEqual(["Origin"]);
    expect(granted?.headers.get("access-control-expose-headers")?.join()).toMatch(
      /^X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Grpc-Status, Grpc-Message/,
    );
    for (const lines of [[foreign], ["Origin: null"], []]) {
      const refused = await sendRaw(server.port, bytes(...lines));
      const names = [...(refused?.headers.keys() ?? [])];
      expect(names.filter((name) => name === "vary" || name.startsWith("access-control"))).toEqual([]);
    }
  });

  it.each(["/api/events/websocket/desk-1", "/eventwire.v1.WebsocketService/SetWebsocket", "/ws/desk-1", "/nowhere"])(
    "answers a preflight of %s",
    async (path) => {
      const asks = ["Access-Control-Request-Method: POST", "Access-Control-Request-Headers: token"];
      const granted = await sendRaw(server.port, requestHead(`OPTIONS ${path}`, allowed, ...asks));
      expect(granted).toMatchObject({ status: 204, body: "" });
      expect(granted?.headers.has("content-length")).toBe(false);
      expect(granted?.headers.get("access-control-allow-methods")).toEqual(["GET, POST, DELETE, OPTIONS"]);
      const headers = granted?.headers.get("access-control-allow-headers")?.join().split(", ");
      expect(headers).toEqual(
        expect.arrayContaining([
          "Content-Type",
          "Authorization",
          "token",
          "Connect-Protocol-Version",
          "Connect-Timeout-Ms",
          "X-Grpc-Web",
          "X-User-Agent",
          "Grpc-Timeout",
        ]),
      );
      expect(granted?.headers.has("access-control-allow-credentials")).toBe(false);
      const refused = await sendRaw(server.port, requestHead(`OPTIONS ${path}`, foreign, ...asks));
      expect(refused?.status).toBe(204);
      expect([...(refused?.headers.keys() ?? [])].filter((name) => name.startsWith("access-control"))).toEqual([]);
    },
  );

  it("allows every host with one label more where the setting has a star for it, to call and to connect", async () => {
    const open = await startPublicServer({ ALLOWED_ORIGINS: "https://*.example.net,http://*.local:3000" });
    await open.createInstance("desk-1", "ti_desk-one", { enabled: true });
    const statuses = async (origin: string) => {
      const call = await sendRaw(open.port, requestHead("GET /health", `Origin: ${origin}`));
      const upgrade = await sendRaw(open.port, upgradeHead("/ws/desk-1?token=ti_desk-one", `Origin: ${origin}`));
      return [call?.headers.get("access-control-allow-origin")?.join(), upgrade?.status];
    };
    for (const origin of ["https://app.example.net", "https://a-1.example.net", "http://desk.local:3000"])
      expect(await statuses(origin)).toEqual([origin, 101]);
    for (const origin of [
      "https://example.net",
      "https://.example.net",
      "https://a.b.example.net",
      "http://app.example.net",
      "https://app.example.net:8443",
      "https://app.example.net.evil.test",
      "https://evil.test/.example.net",
      "https://appXexample.net",
      "http://desk.local",
      "https://*.example.net",
    ])
      expect(await statuses(origin)).toEqual([undefined, 403]);
    await open.close();
  });

  it("allows every origin when the setting is a star", async () => {
    const open = await startPublicServer({ ALLOWED_ORIGINS: "*" });
    const response = await sendRaw(open.port, requestHead("GET /health", foreign));
    expect(response?.headers.get("access-control-allow-origin")).toEqual(["https://evil.example.net"]);
    expect(response?.headers.get("vary")).toEqual(["Origin"]);
    await open.close();
  });
});
