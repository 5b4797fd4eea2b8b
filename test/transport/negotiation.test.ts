/** How a client asks for `eventwire.v1`, and that a client which does not ask gets what it always got. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openConsumer } from "../support/consumer.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { openRaw, sendRaw, upgradeHead } from "../support/raw-http.js";

let server: PublicServer;

beforeAll(async () => {
  server = await startPublicServer();
  await server.createInstance("desk-1", "ti_desk-one", { enabled: true });
});

afterAll(() => server.close());

const path = "/ws/desk-1?token=ti_desk-one";
const publish = (data: object, event = "call.update") =>
  server.call("POST", "/api/events/publish/desk-1", { event, data });

const plain =
  '{"event":"call.update","data":{"n":1},"instanceData":{"baseUrl":"https://wa.example.net","instance":"desk-1","token":"ti_desk-one"}}';

/** The bytes of a handshake's answer and of what follows it until the first plain frame. */
async function plainBytes(lines: string[], query = ""): Promise<string> {
  const connection = await openRaw(server.port);
  let bytes = "";
  connection.socket.on("data", (chunk) => {
    bytes += chunk.toString("latin1");
  });
  await connection.send(upgradeHead(`${path}${query}`, ...lines));
  while (!bytes.includes("\r\n\r\n")) await new Promise((done) => connection.socket.once("data", done));
  await publish({ n: 1 });
  while (!bytes.endsWith(plain)) await new Promise((done) => connection.socket.once("data", done));
  connection.destroy();
  return bytes.replace(/^Date: .*\r\n/m, "");
}

describe("a client that does not ask for eventwire.v1", () => {
  it.each([
    ["offers other sub-protocols", ["Sec-WebSocket-Protocol: chat, superchat"], ""],
    ["offers names that only resemble it", ["Sec-WebSocket-Protocol: eventwire, Eventwire.V1, eventwire.v10"], ""],
    ["offers none, twice", ["Sec-WebSocket-Protocol:", "Sec-WebSocket-Protocol: "], ""],
    ["leaves the query's protocol empty", [], "&protocol="],
    [
      "sends its further parameters, right or wrong",
      [],
      "&events=nonsense&after=&refusal=frame&ticket=tk_1&previous=1",
    ],
  ])("gets the same bytes as one without any offer when it %s", async (_, lines, query) => {
    expect(await plainBytes(lines, query)).toBe(await plainBytes([]));
  });
});

const frame =
  /^\{"event":"call.update","id":"[0-9a-f-]{36}","time":"[^"]{24}","position":"[!-~]{1,64}","data":\{"n":1\},"instanceData":\{"baseUrl":"https:\/\/wa.example.net","instance":"desk-1"\}\}$/;

async function nextEvent(consumer: { next(): Promise<string> }): Promise<string> {
  for (;;) {
    const text = await consumer.next();
    if (!text.startsWith('{"control"')) return text;
  }
}

describe("a client that asks for eventwire.v1", () => {
  it.each([
    ["as its only sub-protocol", ["Sec-WebSocket-Protocol: eventwire.v1"]],
    ["among others", ["Sec-WebSocket-Protocol: chat , eventwire.v1,x"]],
    ["in a second header", ["Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: eventwire.v1"]],
    ["in the query too", ["Sec-WebSocket-Protocol: eventwire.v1"], "&protocol=eventwire.v1"],
  ])("%s reads it in the answer, once and alone", async (_, lines, query = "") => {
    const response = await sendRaw(server.port, upgradeHead(`${path}${query}`, ...lines));
    expect(response?.status).toBe(101);
    expect(response?.headers.get("sec-websocket-protocol")).toEqual(["eventwire.v1"]);
  });

  it.each([["protocol=eventwire.v1"], ["protocol=eventwire%2Ev1"], ["protocol=&protocol=eventwire.v1"]])(
    "by the query %s gets no sub-protocol that it did not offer",
    async (query) => {
      const response = await sendRaw(server.port, upgradeHead(`${path}&${query}`));
      expect(response?.status).toBe(101);
      expect(response?.headers.has("sec-websocket-protocol")).toBe(false);
    },
  );

  it.each([
    ["by sub-protocol", path, ["eventwire.v1"]],
    ["by query", `${path}&protocol=eventwire.v1`, []],
  ])("%s gets event frames with id, time and position, and no token", async (_, where, subprotocols) => {
    const consumer = await openConsumer(server.url, where, {}, subprotocols);
    expect(consumer.socket.protocol).toBe(subprotocols[0] ?? "");
    await publish({ n: 1 });
    expect(await nextEvent(consumer)).toMatch(frame);
  });

  it("reads the same id as the answer to the publisher", async () => {
    const consumer = await openConsumer(server.url, path, {}, ["eventwire.v1"]);
    const { text } = await publish({ n: 1 });
    expect(JSON.parse(await nextEvent(consumer)).id).toBe(JSON.parse(text).id);
  });

  const [call, label] = ["call.update", "label.update"];
  it.each([
    [`events=${call}`, [call]],
    [`events=${call},${label}`, [call, label]],
    [`events=${call}&events=${label},${call}`, [call, label]],
    [`events=${call.replace(".", "%2E")}%2C${label}`, [call, label]],
    ["events=", ["message.status", call, label]],
    ["events=,", ["message.status", call, label]],
  ])("narrows by %s", async (query, expected) => {
    const consumer = await openConsumer(server.url, `${path}&${query}`, {}, ["eventwire.v1"]);
    for (const event of ["message.status", call, label]) await publish({}, event);
    for (const event of expected) expect(JSON.parse(await nextEvent(consumer)).event).toBe(event);
  });
});
