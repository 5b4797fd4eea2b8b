/** A REST call may say when its event happened. Plain frames do not change. */

import { once } from "node:events";
import { afterAll, beforeAll, expect, it } from "vitest";
import { WebSocket } from "ws";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { publishedText } from "../support/published.js";

let server: PublicServer;
beforeAll(async () => {
  server = await startPublicServer();
  await server.createInstance("desk", "ti_desk-one", { enabled: true, events: [] });
});
afterAll(() => server.close());

it("is taken over REST, and a plain frame has the same bytes as without it", async () => {
  const socket = new WebSocket(`${server.url.replace("http", "ws")}/ws/desk?token=ti_desk-one`);
  await once(socket, "open");
  const frames: string[] = [];
  for (const more of [{}, { occurredAt: "2026-11-29T13:20:00.123Z" }]) {
    const frame = once(socket, "message");
    const event = { event: "call.update", data: { n: 1 }, ...more };
    expect(await server.call("POST", "/api/events/publish/desk", event)).toEqual({
      status: 200,
      text: publishedText(),
    });
    frames.push(String((await frame)[0]));
  }
  expect(frames[0]).toContain('{"event":"call.update","data":{"n":1},"instanceData":');
  expect(frames[1]).toBe(frames[0]);
  socket.terminate();
});

it.each([
  ["yesterday", "must be a time as RFC 3339 writes it, such as 2026-11-29T13:20:00.123Z"],
  ["0001-01-01T00:00:00Z", "must be a time from 1970-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z"],
])("is refused over REST with field and rule when it is %s", async (occurredAt, rule) => {
  const response = await fetch(`${server.url}/api/events/publish/desk`, {
    method: "POST",
    headers: { token: server.accountToken, "content-type": "application/json" },
    body: JSON.stringify({ event: "call.update", data: {}, occurredAt }),
  });
  expect(response.status).toBe(400);
  expect(response.headers.get("eventwire-error")).toBe(`INVALID_REQUEST_BODY; field="occurredAt"; rule="${rule}"`);
});
