/** Creating an instance never fails over its inline channel, whatever stands there, in every protocol. */

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type H2Client, openH2 } from "../support/h2-client.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { delimited, framed } from "../support/worst-calls.js";

const create = "/eventwire.v1.InstanceService/CreateInstance";
const disabled = { enabled: false, events: [], mediaBase64: false };

let server: PublicServer;
let client: H2Client;
beforeAll(async () => {
  server = await startPublicServer();
  client = await openH2(server.server.servicePort);
});
afterAll(async () => {
  client?.destroy();
  await server?.close();
});

async function post(path: string, contentType: string, body: Uint8Array | string): Promise<Response> {
  return fetch(`${server.url}${path}`, {
    method: "POST",
    headers: { token: server.accountToken, "content-type": contentType },
    body: Buffer.from(body as string),
  });
}

/** What the list shows of the channel; undefined when there is no such instance. */
async function channelOf(name: string): Promise<unknown> {
  const { text } = await server.call("GET", `/api/instance/list?instanceName=${name}`);
  return JSON.parse(text).instances?.[0].websocket;
}

function warnings(from: number): number {
  return server.log.slice(from).filter((line) => line.includes("inline websocket configuration")).length;
}

const deep = (levels: number): string => `${"[".repeat(levels)}${"]".repeat(levels)}`;

const values: Record<string, string> = {
  "30,000 levels of lists": deep(30_000),
  "5,000 levels of objects": `${'{"a":'.repeat(5_000)}1${"}".repeat(5_000)}`,
  "101 levels": deep(101),
  "a number beyond all doubles": "1e999",
  "a number of 5,000 digits": "9".repeat(5_000),
  "half a character": '"\\ud800"',
  "a list of half characters": '["\\udfff","\\ud800"]',
  "a list of 10,000 strings": `[${Array(10_000).fill('""').join(",")}]`,
  "an object with a member __proto__": '{"__proto__":{"a":1}}',
  "a string of 60,000 characters": `"${"x".repeat(60_000)}"`,
  "a list of null": "[null]",
};

describe.each(["websocketEnabled", "websocketEvents", "websocketMediaBase64"])("with %s", (field) => {
  const others = Object.entries({ websocketEnabled: true, websocketEvents: ["call.update"] })
    .filter(([name]) => name !== field)
    .map(([name, value]) => `"${name}":${JSON.stringify(value)},`)
    .join("");

  it.each(Object.entries(values))("%s", async (_, value) => {
    for (const [path, contentType] of [
      ["/api/instance/new", "application/json"],
      [create, "application/json"],
      [create, "application/grpc-web+json"],
    ] as const) {
      const name = randomUUID();
      const from = server.log.length;
      const body = `{"name":"${name}",${others}"${field}":${value}}`;
      const response = await post(path, contentType, contentType.includes("grpc") ? framed(Buffer.from(body)) : body);
      expect(response.status).toBe(path === create ? 200 : 201);
      await response.arrayBuffer();
      expect(await channelOf(name)).toEqual(disabled);
      expect(warnings(from)).toBe(1);
    }
  });
});

/** google.protobuf.Values in binary form. */
const list = (value: Uint8Array): Buffer => delimited(6, delimited(1, value));

function nestedList(levels: number): Buffer {
  let value = delimited(6, Buffer.alloc(0));
  for (let level = 1; level < levels; level++) value = list(value);
  return value;
}

describe("in binary form, with", () => {
  it.each([
    ["nothing", Buffer.alloc(0)],
    ["8,000 levels", nestedList(8_000)],
    ["400 levels", nestedList(400)],
    ["bytes that are no value", Buffer.from([0xff])],
    ["a string that is no UTF-8", delimited(3, Buffer.from([0xff]))],
    ["60,000 bytes of text", delimited(3, Buffer.alloc(60_000, "x"))],
  ])("%s", async (_, value) => {
    for (const number of [3, 4, 5]) {
      const name = randomUUID();
      const message = Buffer.concat([delimited(1, Buffer.from(name)), delimited(number, value)]);
      expect((await post(create, "application/proto", message)).status).toBe(200);
      expect(await channelOf(name)).toEqual(disabled);

      const other = randomUUID();
      const stream = client.post(create, {
        "content-type": "application/grpc",
        te: "trailers",
        token: server.accountToken,
      });
      stream.end(framed(Buffer.concat([delimited(number, value), delimited(1, Buffer.from(other))])));
      expect((await stream.done()).trailers["grpc-status"]).toBe("0");
      expect(await channelOf(other)).toEqual(disabled);
    }
  });
});

it("is refused as a body when it has more than 64 KiB, and nothing is made", async () => {
  const name = randomUUID();
  const response = await post(
    "/api/instance/new",
    "application/json",
    `{"name":"${name}","websocketEvents":${deep(300_000)}}`,
  );
  expect([response.status, response.headers.get("eventwire-error")]).toEqual([
    400,
    'INVALID_REQUEST_BODY; rule="body must be at most 65536 bytes"',
  ]);
  expect(await channelOf(name)).toBeUndefined();
});
