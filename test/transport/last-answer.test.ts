/** With its answer a connection may end: not before its client has sent everything, since it would not read the answer. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { openRaw, requestHead } from "../support/raw-http.js";

const publishMaxBytes = 64 * 1024;

let server: PublicServer;
let token: string;

beforeAll(async () => {
  server = await startPublicServer({ PUBLISH_MAX_BYTES: String(publishMaxBytes) });
  token = `token: ${server.accountToken}`;
  await server.createInstance("desk-1", "ti_desk-one");
});

afterAll(() => server.close());

describe("a refusal that ends its connection", () => {
  const half = "x".repeat(publishMaxBytes);
  const head = (target: string, ...lines: string[]) =>
    requestHead(
      target,
      "Connection: close",
      "Content-Type: application/json",
      `Content-Length: ${2 * half.length}`,
      ...lines,
    );

  it.each([
    ["a body over the limit", "POST /api/events/publish/desk-1", true, 413],
    ["a token that is none", "POST /api/events/publish/desk-1", false, 401],
    ["a path that is none", "POST /api/nothing", true, 404],
    ["a method that is not allowed", "POST /api/instance/list", true, 405],
    ["a body where none is read", "DELETE /api/instance/desk-9", true, 404],
    ["a Connect call over the limit", "POST /eventwire.v1.WebsocketService/SetWebsocket", true, 400],
    ["a Connect call without a token", "POST /eventwire.v1.WebsocketService/SetWebsocket", false, 401],
    [
      "a Connect call over the limit, on the service port",
      "POST /eventwire.v1.WebsocketService/SetWebsocket",
      true,
      400,
    ],
    [
      "a Connect call without a token, on the service port",
      "POST /eventwire.v1.WebsocketService/SetWebsocket",
      false,
      401,
    ],
  ])("for %s waits until its client has sent everything", async (name, target, withToken, status) => {
    const connection = await openRaw(name.includes("service port") ? server.server.servicePort : server.port);
    await connection.send(head(target, withToken ? token : "token: ti_none") + half);
    // An answer on another connection: the server has read what was sent before.
    await server.call("GET", "/api/instance/list");
    await fetch(`${server.server.grpcUrl}/metrics`);
    let closed = false;
    connection.socket.once("close", () => {
      closed = true;
    });
    expect(connection.socket.bytesRead).toBe(0);
    expect(closed).toBe(false);
    await connection.send(half);
    expect(await connection.response()).toMatchObject({ status });
    expect(await connection.ended()).toBe("");
  });
});
