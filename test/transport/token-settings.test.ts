/** QUERY_TOKENS and FRAME_TOKENS, the settings that keep tokens out of URLs and frames, on every channel. */

import { createConnectTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openConsumer } from "../support/consumer.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { sendRaw, upgradeHead } from "../support/raw-http.js";
import { subscribe } from "../support/subscriber.js";
import { fetchTicket } from "../support/tickets.js";
import { openV1 } from "../support/v1-consumer.js";

const token = "ti_desk-one";
let server: PublicServer;
beforeAll(async () => {
  server = await startPublicServer({ QUERY_TOKENS: "off", FRAME_TOKENS: "off" });
  await server.createInstance("desk-1", token, { enabled: true });
});
afterAll(() => server.close());

const rule =
  "must not stand in the query, because QUERY_TOKENS is off; send the token in a header, or a ticket in its place";

it("QUERY_TOKENS=off refuses a token in the query of every upgrade, and says what to do", async () => {
  for (const path of ["/ws/desk-1?", "/ws?protocol=eventwire.v1&refusal=http&"]) {
    const response = await sendRaw(server.port, upgradeHead(`${path}token=${server.accountToken}`));
    expect(response?.status).toBe(401);
    expect(response?.body).toBe('{"success":false,"error":{"message":"Invalid token"}}');
    expect(response?.headers.get("eventwire-error")).toEqual([`INVALID_TOKEN; field="token"; rule="${rule}"`]);
  }
  const { last, close } = await (await openV1(server.url, `/ws/desk-1?token=${token}`)).end();
  expect(last).toMatchObject({ control: "refused", status: 401, reason: "INVALID_TOKEN", rule: `token ${rule}` });
  expect(close).toEqual([4401, "invalid token"]);
});

it("QUERY_TOKENS=off lets a header and a ticket count, and a call without any of them says what is missing", async () => {
  await openConsumer(server.url, `/ws/desk-1?token=${token}`, { headers: { token } });
  await openConsumer(server.url, `/ws/desk-1?ticket=${await fetchTicket(server.url, token, "desk-1")}`);
  const response = await fetch(`${server.url}/ws/desk-1`);
  expect(response.headers.get("eventwire-error")).toBe("MISSING_TOKEN");
});

it("a token in the query of any other route counts for nothing", async () => {
  const paths = [
    ["GET", "/api/instance/list"],
    ["GET", "/api/events/getWebsocket/desk-1"],
    ["POST", "/api/events/ticket/desk-1"],
    ["POST", "/eventwire.v1.SubscriptionService/Subscribe"],
    ["POST", "/eventwire.v1.TicketService/CreateTicket"],
  ] as const;
  for (const [method, path] of paths) {
    const headers = { "content-type": path.endsWith("Subscribe") ? "application/connect+json" : "application/json" };
    const response = await fetch(`${server.url}${path}?token=${server.accountToken}`, {
      method,
      headers,
      ...(method === "POST" && { body: "{}" }),
    });
    expect(await response.text()).toContain("Invalid token");
  }
});

it("FRAME_TOKENS=off empties the token of plain frames, and changes nothing else in any frame", async () => {
  const headers = { token: server.accountToken };
  const plain = await openConsumer(server.url, "/ws/desk-1", { headers });
  const v1 = await openConsumer(server.url, "/ws/desk-1", { headers }, ["eventwire.v1"]);
  await v1.next();
  const stream = subscribe(createConnectTransport({ baseUrl: server.url, httpVersion: "1.1" }), token, {
    instance: "desk-1",
  });
  await stream.next();
  await server.call("POST", "/api/events/publish/desk-1", { event: "label.update", data: { labelId: "7" } });
  expect(await plain.next()).toBe(
    '{"event":"label.update","data":{"labelId":"7"},"instanceData":{"baseUrl":"https://wa.example.net","instance":"desk-1","token":""}}',
  );
  expect(JSON.parse(await v1.next()).instanceData).toEqual({ baseUrl: "https://wa.example.net", instance: "desk-1" });
  expect(await stream.data(1)).toEqual([{ labelId: "7" }]);
});
