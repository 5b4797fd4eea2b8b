/** Tickets: what they open, for whom and how often, over the plain protocol, `eventwire.v1` and Subscribe. */

import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { openConsumer } from "../support/consumer.js";
import { query } from "../support/postgres.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { sendRaw, upgradeHead } from "../support/raw-http.js";
import { type Subscriber, subscribe } from "../support/subscriber.js";
import { askTicket, fetchTicket } from "../support/tickets.js";
import { openV1 } from "../support/v1-consumer.js";

let server: PublicServer;
beforeAll(async () => {
  server = await startPublicServer();
  await server.createInstance("desk-1", "ti_desk-one", { enabled: true });
  await server.createInstance("desk-2", "ti_desk-two", { enabled: true });
});
afterAll(() => server.close());

const ticketFor = (token = "ti_desk-one", body: object = {}) => fetchTicket(server.url, token, "desk-1", body);
const publish = (event: string, data: object) =>
  server.call("POST", "/api/events/publish/desk-1", { event, data }).then(({ status }) => expect(status).toBe(200));

/** The status, the body and the header `Eventwire-Error` of an upgrade; 101 when it is accepted. */
async function upgrade(path: string, ...lines: string[]) {
  const response = await sendRaw(server.port, upgradeHead(path, ...lines));
  return [response?.status, response?.body, response?.headers.get("eventwire-error")?.[0]];
}
const invalidToken = [401, '{"success":false,"error":{"message":"Invalid token"}}', "INVALID_TOKEN"];
const mismatch = "Instance token does not match requested instance";
const refusedMismatch = [403, `{"success":false,"error":{"message":"${mismatch}"}}`, "INSTANCE_MISMATCH"];

/** A Subscribe stream without a token in its metadata. */
const stream = (ticket: string, request: object = {}): Subscriber =>
  subscribe(createGrpcTransport({ baseUrl: server.server.grpcUrl }), "", { instance: "desk-1", ticket, ...request });

it("is answered with the ticket and its end, byte for byte", async () => {
  const { status, text, ticket } = await askTicket(server.url, server.accountToken, "desk-1", { ttlSeconds: 30 });
  const expiresAt: string = JSON.parse(text).expiresAt;
  expect(status).toBe(200);
  expect(text).toBe(
    `{"success":true,"message":"Ticket created","ticket":"${ticket}","expiresAt":"${new Date(expiresAt).toISOString()}"}`,
  );
  expect(ticket).toMatch(/^tk_[\w-]{43}$/);
  expect(Date.parse(expiresAt) - Date.now()).toBeGreaterThan(20_000);
  const stored = JSON.stringify((await query(server.database.url, "select t::text from ticket t")).rows);
  expect(stored).not.toContain(ticket.slice(3));
});

describe("a ticket", () => {
  it("opens one plain socket, whose frames have no token, and is used up then", async () => {
    const ticket = await ticketFor();
    const consumer = await openConsumer(server.url, `/ws/desk-1?ticket=${ticket}`);
    await publish("label.update", { labelId: "7" });
    expect(await consumer.next()).toBe(
      '{"event":"label.update","data":{"labelId":"7"},"instanceData":{"baseUrl":"https://wa.example.net","instance":"desk-1","token":""}}',
    );
    expect(await upgrade(`/ws/desk-1?ticket=${ticket}`)).toEqual(invalidToken);
  });

  it("opens one socket of eventwire.v1; the second handshake reads why it is refused", async () => {
    const ticket = await ticketFor(server.accountToken);
    const consumer = await openV1(server.url, `/ws/desk-1?ticket=${ticket}`);
    expect(await consumer.frame()).toMatchObject({ control: "hello", instance: "desk-1" });
    const second = await openV1(server.url, `/ws/desk-1?ticket=${ticket}`);
    expect(await second.end()).toEqual({
      last: expect.objectContaining({ control: "refused", status: 401, reason: "INVALID_TOKEN", reconnect: false }),
      close: [4401, "invalid token"],
    });
  });

  it.each([
    ["gRPC", () => createGrpcTransport({ baseUrl: server.server.grpcUrl })],
    ["Connect on the public port", () => createConnectTransport({ baseUrl: server.url, httpVersion: "1.1" })],
    [
      "gRPC-Web with JSON",
      () => createGrpcWebTransport({ baseUrl: server.url, httpVersion: "1.1", useBinaryFormat: false }),
    ],
  ])("opens one Subscribe stream over %s", async (_, transport) => {
    const ticket = await ticketFor();
    const first = subscribe(transport(), "", { instance: "desk-1", ticket });
    expect(await first.next()).toMatchObject({ case: "hello" });
    await publish("call.update", { n: 1 });
    expect(await first.data(1)).toEqual([{ n: 1 }]);
    const second = subscribe(transport(), "", { instance: "desk-1", ticket });
    expect((await second.ended)?.rawMessage).toBe("Invalid token");
    first.cancel();
  });

  it("opens a socket or a stream, and not both", async () => {
    const [one, other] = [await ticketFor(), await ticketFor()];
    await stream(one).next();
    expect(await upgrade(`/ws/desk-1?ticket=${one}`)).toEqual(invalidToken);
    await openConsumer(server.url, `/ws/desk-1?ticket=${other}`);
    expect((await stream(other).ended)?.rawMessage).toBe("Invalid token");
  });

  it("lets its connection see no more types than it names, also after narrowings", async () => {
    const events = ["call.update", "label.update"];
    const plain = await openConsumer(server.url, `/ws/desk-1?ticket=${await ticketFor(undefined, { events })}`);
    const ticket = await ticketFor(undefined, { events });
    const narrow = await openV1(server.url, `/ws/desk-1?ticket=${ticket}&events=call.update,group.flow`);
    expect((await narrow.frame()).filter).toMatchObject({ events: ["call.update"] });
    narrow.send({ control: "narrow", events: [] });
    expect((await narrow.frame()).filter).toMatchObject({ events });
    narrow.send({ control: "narrow", events: ["group.flow", "label.update"] });
    expect((await narrow.frame()).filter).toMatchObject({ events: ["label.update"] });
    const subscribed = stream(await ticketFor(undefined, { events }), { events: ["group.flow", "call.update"] });
    expect(await subscribed.next()).toMatchObject({ case: "hello", value: { filter: { events: ["call.update"] } } });
    for (const type of ["group.flow", "call.update", "label.update"]) await publish(type, { type });
    expect((await plain.take(2)).map((frame) => JSON.parse(frame).event)).toEqual(events);
    expect(await narrow.frame()).toMatchObject({ event: "label.update" });
    expect(await subscribed.data(1)).toEqual([{ type: "call.update" }]);
  });

  it("opens neither another instance, existing or not, nor a whole account, and is used up by the attempt", async () => {
    for (const path of ["/ws/desk-2?", "/ws/nobody?", "/ws?protocol=eventwire.v1&refusal=http&"]) {
      const ticket = await ticketFor(server.accountToken);
      expect(await upgrade(`${path}ticket=${ticket}`)).toEqual(refusedMismatch);
      expect(await upgrade(`/ws/desk-1?ticket=${ticket}`)).toEqual(invalidToken);
    }
    for (const instance of ["desk-2", "nobody", ""])
      expect((await stream(await ticketFor(server.accountToken), { instance }).ended)?.rawMessage).toBe(mismatch);
  });

  it("for a whole account opens one connection to all its instances, and to no single one", async () => {
    const ticket = () => fetchTicket(server.url, server.accountToken, "", { events: ["call.update"] });
    const path = async () => `/ws?ticket=${await ticket()}`;
    const whole = await openV1(server.url, await path());
    expect(await whole.frame()).toMatchObject({ control: "hello", instance: "", filter: { events: ["call.update"] } });
    const subscribed = stream(await ticket(), { instance: "" });
    expect(await subscribed.next()).toMatchObject({ case: "hello", value: { instance: "" } });
    for (const type of ["label.update", "call.update"]) await publish(type, { type });
    expect(await whole.frame()).toMatchObject({ event: "call.update", instanceData: { instance: "desk-1" } });
    expect(await subscribed.data(1)).toEqual([{ type: "call.update" }]);
    const single = await ticket();
    expect(await upgrade(`/ws/desk-1?ticket=${single}`)).toEqual(refusedMismatch);
    expect(await upgrade(`/ws?protocol=eventwire.v1&refusal=http&ticket=${single}`)).toEqual(invalidToken);
    expect((await stream(await ticket()).ended)?.rawMessage).toBe(mismatch);
  });

  it("opens nothing after its time, nor when it is no ticket", async () => {
    const ticket = await ticketFor();
    await query(server.database.url, "update ticket set ends_at = now()");
    expect(await upgrade(`/ws/desk-1?ticket=${ticket}`)).toEqual(invalidToken);
    for (const wrong of ["tk_1", "ti_desk-one", `tk_${"A".repeat(43)}`, "%00"])
      expect(await upgrade(`/ws/desk-1?ticket=${wrong}`)).toEqual(invalidToken);
    expect((await stream("tk_1").ended)?.rawMessage).toBe("Invalid token");
    expect((await stream("").ended)?.rawMessage).toBe("Invalid token");
  });

  it("counts only when there is no token", async () => {
    const ticket = await ticketFor();
    const both = await openConsumer(server.url, `/ws/desk-1?token=ti_desk-one&ticket=${ticket}`);
    await publish("call.update", {});
    expect(JSON.parse(await both.next()).instanceData.token).toBe("ti_desk-one");
    expect(await upgrade(`/ws/desk-1?token=nobody&ticket=${ticket}`)).toEqual(invalidToken);
    await openConsumer(server.url, `/ws/desk-1?ticket=${ticket}`);
  });

  it("tells a plain request without upgrade headers that all is well", async () => {
    const response = await fetch(`${server.url}/ws/desk-1?ticket=${await ticketFor()}`);
    expect(response.status).toBe(426);
  });
});

describe("the end of the token with which a ticket was made", () => {
  it("ends the ticket and closes what it opened with 4001, while other tickets stay good", async () => {
    await server.createInstance("desk-3", "ti_desk-three", { enabled: true });
    const make = (token: string) => fetchTicket(server.url, token, "desk-3");
    const open = async (token: string) => openConsumer(server.url, `/ws/desk-3?ticket=${await make(token)}`);
    const [mine, accounts] = [await open("ti_desk-three"), await open(server.accountToken)];
    const subscribed = stream(await make("ti_desk-three"), { instance: "desk-3" });
    await subscribed.next();
    const [ended, kept] = [await make("ti_desk-three"), await make(server.accountToken)];
    const { rows } = await query(server.database.url, "select id from instance where name = 'desk-3'");
    await server.operate((store) => store.rotateInstanceToken(rows[0]?.id));
    expect(await mine.closed).toEqual([4001, "token revoked"]);
    expect((await subscribed.ended)?.rawMessage).toBe("token revoked");
    expect(await upgrade(`/ws/desk-3?ticket=${ended}`)).toEqual(invalidToken);
    await openConsumer(server.url, `/ws/desk-3?ticket=${kept}`);
    const last = await make(server.accountToken);
    await server.call("DELETE", "/api/instance/delete/desk-3");
    expect(await accounts.closed).toEqual([4004, "instance deleted"]);
    expect(await upgrade(`/ws/desk-3?ticket=${last}`)).toEqual(invalidToken);
  });
});

describe("a rate limit", () => {
  it("charges a valid ticket to its token, and any other to the remote address", async () => {
    const limited = await startPublicServer({ RATE_LIMIT_GLOBAL: "5" });
    onTestFinished(() => limited.close());
    await limited.createInstance("desk-1", "ti_desk-one", { enabled: true });
    const left = async (ticket: string) => {
      const response = await fetch(`${limited.url}/ws/desk-1?ticket=${ticket}`);
      await response.text();
      return [response.status, response.headers.get("x-ratelimit-remaining")];
    };
    const [one, two] = [await fetchTicket(limited.url, "ti_desk-one", "desk-1"), "tk_nobody"];
    expect(await left(one)).toEqual([426, "3"]);
    for (const remaining of ["4", "3", "2", "1", "0"]) expect(await left(two)).toEqual([401, remaining]);
    expect(await left(two)).toEqual([429, "0"]);
    expect(await left(one)).toEqual([429, "0"]);
    expect(await left(await fetchTicket(limited.url, "ti_desk-one", "desk-1"))).toEqual([426, "1"]);
  });
});
