/** A client that prefers a problem document gets one; whoever must come back later is told when. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventTypeRule } from "../../src/domain/event-type.js";
import { connectExplanation, envelope, grpcExplanation, grpcWebExplanation } from "../support/explanations.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { requestHead, sendRaw, upgradeHead } from "../support/raw-http.js";

const seconds = /^([1-9]|[1-5]\d|60)$/;

describe("a problem document", () => {
  let server: PublicServer;
  beforeAll(async () => {
    server = await startPublicServer();
    await server.createInstance("desk", "ti_desk-one");
  });
  afterAll(() => server.close());

  function configure(accept: string | undefined, path = "/api/events/websocket/desk"): Promise<Response> {
    return fetch(`${server.url}${path}`, {
      method: "POST",
      headers: { token: server.accountToken, "content-type": "application/json", ...(accept && { accept }) },
      body: '{"enabled":true,"events":["secret"]}',
    });
  }

  it("has the members of RFC 9457, and ours", async () => {
    const response = await configure("application/problem+json");
    expect([response.status, response.headers.get("content-type")]).toEqual([400, "application/problem+json"]);
    expect(await response.json()).toEqual({
      type: "urn:eventwire:error:invalid-request-body",
      title: "Invalid request body",
      status: 400,
      detail: `events[0] ${eventTypeRule}`,
      reason: "INVALID_REQUEST_BODY",
      field: "events[0]",
      rule: eventTypeRule,
    });
  });

  it.each([
    ["application/problem+json", true],
    ["Application/Problem+JSON; charset=utf-8", true],
    ["application/problem+json, application/json;q=0.9", true],
    ["application/json;q=0.5,application/problem+json;q=0.6", true],
    ["application/problem+json;q=0.1, text/html", true],
    ["application/problem+json, */*;q=0.5", true],
    ["application/problem+json, application/*;q=0.9, */*", true],
    ["application/json, application/problem+json", false],
    ["application/problem+json;q=0.5, application/json", false],
    ["application/problem+json;q=0.5, */*", false],
    ["application/problem+json;q=0", false],
    ["application/problem+json;q=nonsense", false],
    ["application/problem+json;q=", false],
    ["application/*", false],
    ["*/*", false],
    ["text/html", false],
    ["", false],
    [undefined, false],
  ])("for Accept: %s is preferred: %s", async (accept, problem) => {
    const response = await configure(accept);
    const type = response.headers.get("content-type");
    expect(type).toBe(problem ? "application/problem+json" : "application/json; charset=utf-8");
    if (!problem) expect(await response.text()).toBe('{"success":false,"error":{"message":"Invalid request body"}}');
    expect(response.headers.get("vary")).toBe(/problem/i.test(accept ?? "") ? "Accept" : null);
  });

  it.each(["/nowhere", "/ws/desk", "/eventwire.v1.WebsocketService/SetWebsocket"])(
    "is told of %s, too",
    async (path) => {
      const headers = { accept: "application/problem+json", token: "nobody's" };
      const response = await fetch(`${server.url}${path}`, { headers });
      expect(response.headers.get("content-type")).toBe("application/problem+json");
      expect(await response.json()).toMatchObject({ status: response.status, detail: expect.any(String) });
    },
  );
});

describe("beyond a limit", () => {
  let server: PublicServer;
  let token: string;
  beforeAll(async () => {
    server = await startPublicServer({ RATE_LIMIT_GLOBAL: "1" });
    token = server.accountToken;
    await server.call("GET", "/api/instance/list");
  });
  afterAll(() => server.close());

  const list = "/eventwire.v1.InstanceService/ListInstances";
  const post = (type: string, body: Uint8Array): Promise<Response> =>
    fetch(`${server.url}${list}`, {
      method: "POST",
      headers: { token, "content-type": type },
      body: Buffer.from(body),
    });

  it.each([
    ["a REST call", (credentials: string) => requestHead("GET /api/instance/list", credentials)],
    ["an upgrade", (credentials: string) => upgradeHead("/ws/desk", credentials)],
    ["a plain request for a socket", (credentials: string) => requestHead("GET /ws/desk", credentials)],
  ])("%s hears when to come back", async (_, head) => {
    const response = await sendRaw(server.port, head(`token: ${token}`));
    expect(response?.status).toBe(429);
    expect(response?.headers.get("retry-after")?.[0]).toMatch(seconds);
    expect(response?.headers.get("eventwire-error")).toEqual(["RATE_LIMITED"]);
  });

  it.each([
    ["Connect", async () => connectExplanation(await post("application/json", Buffer.from("{}")))],
    ["gRPC-Web", async () => grpcWebExplanation(await post("application/grpc-web", envelope(Buffer.alloc(0))))],
    ["gRPC", () => grpcExplanation(server.server.servicePort, list, { token }, envelope(Buffer.alloc(0)))],
  ])("a call over %s hears it as metadata and as RetryInfo", async (_, call) => {
    const { header, retryAfter, retrySeconds } = await call();
    expect(header).toBe("RATE_LIMITED");
    expect(retryAfter).toMatch(seconds);
    expect(retrySeconds).toBe(Number(retryAfter));
  });
});
