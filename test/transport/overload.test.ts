/** Bodies under way on both ports share one bound: above it large ones are refused, and small ones still pass. */

import { brotliCompressSync, gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { openH2 } from "../support/h2-client.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { jsonRequest, openRaw, type RawConnection, requestHead, sendRaw } from "../support/raw-http.js";

const MiB = 1024 * 1024;
const publish = "POST /api/events/publish/desk-1";
const rpc = "/eventwire.v1.EventService/PublishEvent";
const stream = "/eventwire.v1.EventService/PublishEvents";
const small = '{"event":"label.update","data":{}}';

let server: PublicServer;
let token: string;
const holders: RawConnection[] = [];

beforeAll(async () => {
  // What is less than three events is as much as three: 3 MiB, 2,688 KiB of it for large bodies.
  server = await startPublicServer({ PUBLISH_MAX_BYTES: String(MiB), REQUEST_BODIES_MAX_BYTES: String(MiB) });
  token = `token: ${server.accountToken}`;
  await server.createInstance("desk-1", "ti_desk-one", { enabled: true });
});

afterAll(() => server.close());

/** A publish of 1 MiB that keeps its last byte back. */
async function hold(): Promise<RawConnection> {
  const connection = await openRaw(server.port);
  const head = requestHead(publish, token, "Content-Type: application/json", `Content-Length: ${MiB}`);
  await connection.send(head + small.padEnd(MiB - 1));
  holders.push(connection);
  return connection;
}

/** Resolves when the port has read what the holders sent: a third large body has no room then. */
async function fill(): Promise<void> {
  await hold();
  await hold();
  while ((await large())?.status !== 503);
}

/** A whole publish of 1 MiB. */
function large() {
  return sendRaw(server.port, jsonRequest(publish, small.padEnd(MiB), token));
}

afterEach(async () => {
  for (const holder of holders.splice(0)) holder.destroy();
  while ((await large())?.status !== 200);
});

describe("while bodies under way fill the budget", () => {
  it("a large publish is refused with 503 and a time to come back, and a small one passes", async () => {
    await fill();
    const refused = await large();
    expect(refused).toMatchObject({
      status: 503,
      body: '{"success":false,"error":{"message":"Too much is under way on this node. Try again later."}}',
    });
    expect(refused?.headers.get("retry-after")).toEqual(["1"]);
    expect(await sendRaw(server.port, jsonRequest(publish, small, token))).toMatchObject({ status: 200 });
  });

  it("those who hold it are served when they go on", async () => {
    await fill();
    await holders[0]?.send(" ");
    expect(await holders[0]?.response()).toMatchObject({ status: 200 });
    expect(await large()).toMatchObject({ status: 200 });
  });

  it("a large Connect call is refused on both ports", async () => {
    await fill();
    const call = jsonRequest(
      `POST ${rpc}`,
      `{"instance":"desk-1","event":"label.update","data":{}}`.padEnd(MiB),
      token,
    );
    for (const port of [server.port, server.server.servicePort]) {
      const refused = await sendRaw(port, call);
      expect(refused?.status).toBe(503);
      expect(JSON.parse(refused?.body ?? "")).toMatchObject({ code: "unavailable" });
      expect(refused?.headers.get("retry-after")).toEqual(["1"]);
    }
  });

  it("a small Connect call that is large without its compression is refused on both ports", async () => {
    await fill();
    const text = `{"instance":"desk-1","event":"label.update","data":{}}`.padEnd(MiB);
    for (const [encoding, body] of [
      ["gzip", gzipSync(text)],
      ["br", brotliCompressSync(text)],
    ] as const) {
      for (const url of [server.url, server.server.grpcUrl]) {
        const headers = {
          "content-type": "application/json",
          "content-encoding": encoding,
          token: server.accountToken,
        };
        const refused = await fetch(url + rpc, { method: "POST", headers, body });
        expect(refused.status).toBe(503);
        expect(refused.headers.get("retry-after")).toBe("1");
      }
    }
  });

  it("a small message in a stream that is large without its compression is refused", async () => {
    await fill();
    const client = await openH2(server.server.servicePort);
    const type = "application/grpc+proto";
    const call = client.post(stream, { "content-type": type, "grpc-encoding": "gzip", token: server.accountToken });
    const message = gzipSync(Buffer.alloc(MiB));
    const prefix = Buffer.from([1, 0, 0, 0, 0]);
    prefix.writeUInt32BE(message.length, 1);
    call.write(Buffer.concat([prefix, message]));
    call.end();
    const { headers, body, trailers } = await call.done();
    expect(JSON.stringify([headers, trailers, body.toString("latin1")])).toContain("Too%20much");
    client.close();
  });

  it("a stream of such messages holds the room of one", async () => {
    const client = await openH2(server.server.servicePort);
    const type = "application/connect+json";
    const headers = { "content-type": type, "connect-content-encoding": "gzip", token: server.accountToken };
    const call = client.post(stream, headers);
    const event = { instance: "desk-1", event: "label.update", dataJson: btoa(small.padEnd(MiB / 2)) };
    const message = gzipSync(JSON.stringify({ events: [event] }));
    const prefix = Buffer.from([1, 0, 0, 0, 0]);
    prefix.writeUInt32BE(message.length, 1);
    for (let sent = 0; sent < 10; sent++) call.write(Buffer.concat([prefix, message]));
    call.end();
    const { body } = await call.done();
    expect(body.toString("latin1").match(/"published":1/g)).toHaveLength(10);
    client.close();
  });

  it.each(["application/grpc+proto", "application/grpc-web+proto", "application/connect+proto"])(
    "a large message in a stream of %s is refused",
    async (type) => {
      await fill();
      const client = await openH2(server.server.servicePort);
      const call = client.post(stream, { "content-type": type, token: server.accountToken });
      const prefix = Buffer.alloc(5);
      prefix.writeUInt32BE(MiB, 1);
      call.write(Buffer.concat([prefix, Buffer.alloc(MiB - 1)]));
      call.end();
      const { headers, body, trailers } = await call.done();
      const told = JSON.stringify([headers, trailers, body.toString("latin1")]);
      expect(told).toMatch(/Too much is under way|Too%20much/);
      client.close();
    },
  );
});
