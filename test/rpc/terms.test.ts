/** What the headers of an RPC call ask for is understood, or refused as its protocol says. */

import { gzipSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SetWebsocketRequestSchema } from "../../gen/eventwire/v1/websocket_service_pb.js";
import { envelope } from "../support/explanations.js";
import { type H2Client, openH2 } from "../support/h2-client.js";
import { type ServiceNode, startServiceNode } from "../support/service-node.js";

const set = "/eventwire.v1.WebsocketService/SetWebsocket";
const publishEvents = "/eventwire.v1.EventService/PublishEvents";
const message = Buffer.from(
  toBinary(SetWebsocketRequestSchema, create(SetWebsocketRequestSchema, { instance: "desk", enabled: true })),
);

let node: ServiceNode;
let client: H2Client;
beforeAll(async () => {
  node = await startServiceNode();
  await node.createInstance("desk");
  client = await openH2(node.port.port);
});
afterAll(async () => {
  client.close();
  await node.close();
});

const post = (headers: Record<string, string>, body: Buffer): Promise<Response> =>
  fetch(`${node.url}${set}`, { method: "POST", headers: { token: node.token, ...headers }, body });

async function overH2(path: string, headers: Record<string, string>, body: Buffer) {
  const stream = client.post(path, { te: "trailers", token: node.token, ...headers });
  stream.end(body);
  return stream.done();
}

describe("a compression that nobody knows", () => {
  it.each(["application/grpc", "application/grpc+proto"])("is told by %s, with those that are known", async (type) => {
    for (const path of [set, publishEvents]) {
      const headers = { "content-type": type, "grpc-encoding": "snappy" };
      const answer = await overH2(path, headers, envelope(message, 1));
      expect([answer.trailers["grpc-status"], answer.headers["grpc-accept-encoding"]]).toEqual(["12", "gzip,br"]);
      expect(answer.trailers["eventwire-error"]).toBe(
        'UNSUPPORTED_COMPRESSION; rule="grpc-encoding must be identity or one of gzip, br"',
      );
    }
  });

  it("is told by gRPC-Web", async () => {
    const response = await post({ "content-type": "application/grpc-web", "grpc-encoding": "zstd" }, envelope(message));
    expect(response.headers.get("grpc-accept-encoding")).toBe("gzip,br");
    expect(await response.text()).toContain("grpc-status: 12");
  });

  it.each(["application/json", "application/proto"])("is told by Connect with %s", async (type) => {
    const response = await post({ "content-type": type, "content-encoding": "zstd" }, message);
    expect([response.status, response.headers.get("accept-encoding")]).toEqual([501, "gzip,br"]);
    expect(await response.json()).toMatchObject({ code: "unimplemented", message: "Unsupported compression" });
  });

  it("is told by a Connect stream at its end", async () => {
    const headers = { "content-type": "application/connect+proto", "connect-content-encoding": "zstd" };
    const answer = await overH2(publishEvents, headers, envelope(message));
    expect([answer.headers[":status"], answer.headers["connect-accept-encoding"]]).toEqual([200, "gzip,br"]);
    expect(answer.body[0]).toBe(2);
    expect(JSON.parse(answer.body.toString("utf8", 5))).toMatchObject({ error: { code: "unimplemented" } });
  });
});

describe("compression that is known", () => {
  const large = JSON.stringify({ instance: "desk", enabled: true, events: Array(64).fill("message.exchange") });

  it.each([
    ["gzip", "gzip"],
    ["br;q=0, gzip", "gzip"],
    ["identity", null],
  ])("is used both ways where the client takes %s", async (accept, used) => {
    const type = { "content-type": "application/json", "content-encoding": "gzip" };
    const response = await post({ ...type, "accept-encoding": accept }, gzipSync(large));
    expect([response.status, response.headers.get("content-encoding")]).toEqual([200, used]);
    expect(await response.json()).toMatchObject({ success: true });
  });

  it("is not used for what is small", async () => {
    const type = { "content-type": "application/json", "accept-encoding": "gzip" };
    const response = await post(type, Buffer.from('{"instance":"desk","enabled":true}'));
    expect([response.status, response.headers.get("content-encoding")]).toEqual([200, null]);
  });
});

describe("a version of Connect", () => {
  it.each([
    ["1", 200],
    ["2", 400],
    ["", 400],
    ["one", 400],
  ])("that is %j is answered %i", async (version, status) => {
    const response = await post({ "content-type": "application/proto", "connect-protocol-version": version }, message);
    expect(response.status).toBe(status);
    if (status === 200) return;
    expect(response.headers.get("eventwire-error")).toBe('INVALID_REQUEST; rule="Connect-Protocol-Version must be 1"');
    expect(await response.json()).toMatchObject({ code: "invalid_argument", message: "Invalid request" });
  });

  it("is looked at for streams, too", async () => {
    const headers = { "content-type": "application/connect+json", "connect-protocol-version": "2" };
    const { body } = await overH2(publishEvents, headers, envelope(Buffer.from("{}")));
    expect(JSON.parse(body.toString("utf8", 5))).toMatchObject({ error: { code: "invalid_argument" } });
  });
});

describe("a deadline that is none", () => {
  it.each(["soon", "1", "1s", "123456789S", "-1S", ""])("is refused by gRPC: %j", async (timeout) => {
    for (const path of [set, publishEvents]) {
      const headers = { "content-type": "application/grpc", "grpc-timeout": timeout };
      const { trailers } = await overH2(path, headers, envelope(message));
      expect(trailers["grpc-status"]).toBe("3");
      expect(trailers["eventwire-error"]).toContain("grpc-timeout must be at most 8 digits");
    }
  });

  it.each(["soon", "1.5", "12345678901", "-1", ""])("is refused by Connect: %j", async (timeout) => {
    const response = await post({ "content-type": "application/proto", "connect-timeout-ms": timeout }, message);
    expect(response.status).toBe(400);
    expect(response.headers.get("eventwire-error")).toContain("Connect-Timeout-Ms must be at most 10 digits");
  });
});
