/** gRPC-Web in its text form, as the official client for browsers sends and reads it. */

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  GetWebsocketRequestSchema,
  SetWebsocketRequestSchema,
  SetWebsocketResponseSchema,
} from "../../gen/eventwire/v1/websocket_service_pb.js";
import { HealthCheckRequestSchema } from "../../gen/grpc/health/v1/health_pb.js";
import { envelope } from "../support/explanations.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";

const set = "/eventwire.v1.WebsocketService/SetWebsocket";

let server: PublicServer;
beforeAll(async () => {
  server = await startPublicServer();
  await server.createInstance("desk", "ti_desk-one");
});
afterAll(() => server.close());

const request = toBinary(
  SetWebsocketRequestSchema,
  create(SetWebsocketRequestSchema, { instance: "desk", enabled: true, events: ["call.update"] }),
);

/** Each padded group of base64 stands for bytes of its own. */
function unText(text: string): Buffer {
  return Buffer.concat((text.match(/[^=]+={0,2}/g) ?? []).map((piece) => Buffer.from(piece, "base64")));
}

/** The messages and, as text, the trailers. */
function unframe(bytes: Buffer): { messages: Buffer[]; trailers: string } {
  const messages: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    const content = bytes.subarray(at + 5, end);
    if (bytes[at] === 0x80) return { messages, trailers: content.toString() };
    messages.push(content);
    at = end;
  }
  return { messages, trailers: "" };
}

describe.each([
  ["the public port", () => server.url],
  ["the service port", () => server.server.grpcUrl],
])("%s", (_, url) => {
  /** With the headers of the official client. */
  function send(path: string, body: string, contentType = "application/grpc-web-text"): Promise<Response> {
    return fetch(`${url()}${path}`, {
      method: "POST",
      headers: {
        "content-type": contentType,
        accept: "application/grpc-web-text",
        "x-user-agent": "grpc-web-javascript/0.1",
        "x-grpc-web": "1",
        token: server.accountToken,
      },
      body,
    });
  }

  it.each(["application/grpc-web-text", "application/grpc-web-text+proto"])("answers a call of %s", async (type) => {
    const response = await send(set, envelope(request).toString("base64"), type);
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/grpc-web-text+proto"]);
    const { messages, trailers } = unframe(unText(await response.text()));
    expect(trailers).toBe("grpc-status: 0\r\n");
    expect(messages.map((bytes) => fromBinary(SetWebsocketResponseSchema, bytes))).toMatchObject([
      { success: true, websocket: { enabled: true, events: ["call.update"] } },
    ]);
  });

  it("takes padding between the pieces of a request", async () => {
    const bytes = envelope(request);
    const body = [bytes.subarray(0, 5), bytes.subarray(5, 6), bytes.subarray(6)].map((piece) =>
      piece.toString("base64"),
    );
    expect(body.slice(0, 2).every((piece) => piece.endsWith("="))).toBe(true);
    const { messages } = unframe(unText(await (await send(set, body.join(""))).text()));
    expect(messages.length).toBe(1);
  });

  it("refuses in its form", async () => {
    const asked = toBinary(GetWebsocketRequestSchema, create(GetWebsocketRequestSchema, { instance: "nowhere" }));
    const response = await send("/eventwire.v1.WebsocketService/GetWebsocket", envelope(asked).toString("base64"));
    expect(response.headers.get("content-type")).toBe("application/grpc-web-text+proto");
    const { trailers } = unframe(unText(await response.text()));
    expect(trailers).toContain("grpc-status: 5");
    expect(trailers).toContain("eventwire-error: INSTANCE_NOT_FOUND");
  });

  it.each(["no base64!", "AAAAAA", "AAAA=AAA", `${envelope(request).toString("base64")}A`])(
    "refuses %j",
    async (body) => {
      const { trailers } = unframe(unText(await (await send(set, body)).text()));
      expect(trailers).toContain('eventwire-error: INVALID_REQUEST_BODY; rule="message must be base64');
    },
  );
});

it("sends each answer of a stream as it comes", async () => {
  const abort = new AbortController();
  const watched = toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema, {}));
  const response = await fetch(`${server.server.grpcUrl}/grpc.health.v1.Health/Watch`, {
    method: "POST",
    headers: { "content-type": "application/grpc-web-text" },
    body: envelope(watched).toString("base64"),
    signal: abort.signal,
  });
  const reader = response.body?.getReader();
  const { value } = (await reader?.read()) ?? {};
  expect(unframe(unText(Buffer.from(value ?? []).toString())).messages).toEqual([Buffer.from([8, 1])]);
  abort.abort();
});
