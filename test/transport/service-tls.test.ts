/** The service port with a certificate: the same calls, encrypted, on both versions of HTTP. */

import { once } from "node:events";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import * as grpc from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, it } from "vitest";
import { InstanceService } from "../../gen/eventwire/v1/instance_service_pb.js";
import { type Certificate, makeCertificate } from "../support/certificate.js";
import { type ServiceNode, startServiceNode } from "../support/service-node.js";

let certificate: Certificate;
let node: ServiceNode;
beforeAll(async () => {
  certificate = makeCertificate();
  node = await startServiceNode({ tls: certificate, serviceLimits: { headersMs: 500 } });
});
afterAll(() => node.close());

const names = ["gRPC", "gRPC-Web", "Connect on HTTP/1.1", "Connect on HTTP/2"] as const;

it.each(names)("answers %s", async (name) => {
  const nodeOptions = { ca: certificate.cert, servername: "localhost" };
  const baseUrl = node.url;
  const transport = {
    gRPC: () => createGrpcTransport({ baseUrl, nodeOptions }),
    "gRPC-Web": () => createGrpcWebTransport({ baseUrl, httpVersion: "1.1", nodeOptions }),
    "Connect on HTTP/1.1": () => createConnectTransport({ baseUrl, httpVersion: "1.1", nodeOptions }),
    "Connect on HTTP/2": () => createConnectTransport({ baseUrl, httpVersion: "2", nodeOptions }),
  }[name]();
  const headers = { token: node.token };
  const answer = await transport.unary(InstanceService.method.listInstances, undefined, undefined, headers, {});
  expect(answer.message).toMatchObject({ success: true });
});

it("answers grpc-js", async () => {
  const credentials = grpc.credentials.createSsl(Buffer.from(certificate.cert));
  const options = { "grpc.ssl_target_name_override": "localhost" };
  const client = new grpc.Client(new URL(node.url).host, credentials, options);
  const bytes = (value: Buffer): Buffer => value;
  const path = "/eventwire.v1.HealthService/CheckHealth";
  const answer = await new Promise<Buffer | undefined>((resolve, reject) =>
    client.makeUnaryRequest(path, bytes, bytes, Buffer.alloc(0), (error, value) =>
      error ? reject(error) : resolve(value),
    ),
  );
  expect(answer?.toString("latin1")).toContain("eventwire");
  client.close();
});

it("offers both versions of HTTP, and takes HTTP/1.1 from a client that names none", async () => {
  const { port } = node.port;
  for (const [offered, chosen] of [
    [["h2", "http/1.1"], "h2"],
    [["http/1.1"], "http/1.1"],
    [undefined, false],
  ] as const) {
    const socket = connectTls({
      port,
      host: "127.0.0.1",
      servername: "localhost",
      ca: certificate.cert,
      ...(offered && { ALPNProtocols: [...offered] }),
    });
    await once(socket, "secureConnect");
    expect(socket.alpnProtocol).toBe(chosen);
    if (chosen !== "h2") {
      socket.write("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
      const chunks: Buffer[] = [];
      for await (const chunk of socket) chunks.push(chunk);
      expect(Buffer.concat(chunks).toString()).toContain("up 1");
    } else socket.destroy();
  }
});

it.each([
  ["says nothing", ""],
  ["speaks cleartext", "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"],
  ["stops in the handshake", Buffer.from("16030100c8010000c40303", "hex")],
])("cuts a client that %s", async (_, bytes) => {
  const socket = connect(node.port.port, "127.0.0.1").on("error", () => {});
  socket.write(bytes);
  socket.resume();
  await once(socket, "close");
});
