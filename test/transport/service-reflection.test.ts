/** Tools without a schema: what they learn from the service port, and that they can call with it. */

import { execFile } from "node:child_process";
import { once } from "node:events";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import * as grpc from "@grpc/grpc-js";
import { load } from "@grpc/proto-loader";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from "../../gen/grpc/reflection/v1/reflection_pb.js";
import { services } from "../../src/rpc/services.js";
import { type ServiceNode, startServiceNode } from "../support/service-node.js";

const allServices = services.map(({ typeName }) => typeName).sort();

let node: ServiceNode;
beforeAll(async () => {
  node = await startServiceNode();
  const accountId = node.directory.principal(node.token)?.accountId ?? "";
  await node.store.createInstance({ accountId, name: "desk", token: "token-of-desk" });
});
afterAll(() => node.close());

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function bufCurl(...args: string[]): Promise<Run> {
  return new Promise((resolve) => {
    execFile("node_modules/.bin/buf", ["curl", ...args], (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    });
  });
}

const protocols = [
  ["grpc", ["--protocol", "grpc", "--http2-prior-knowledge"]],
  ["grpcweb on HTTP/1.1", ["--protocol", "grpcweb"]],
  ["grpcweb on HTTP/2", ["--protocol", "grpcweb", "--http2-prior-knowledge"]],
  ["connect on HTTP/1.1", ["--protocol", "connect"]],
  ["connect on HTTP/2", ["--protocol", "connect", "--http2-prior-knowledge"]],
] as const;

describe("buf curl", () => {
  it("lists services and methods", async () => {
    const services = await bufCurl("--http2-prior-knowledge", "--list-services", node.url);
    expect(services).toMatchObject({ code: 0, stderr: "" });
    expect(services.stdout.trim().split("\n")).toEqual([
      ...allServices,
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
    ]);
    const methods = await bufCurl("--http2-prior-knowledge", "--list-methods", node.url);
    expect(methods.stdout).toContain("eventwire.v1.EventService/PublishEvents");
  });

  it.each(protocols)("sets and reads a channel by %s, with a schema", async (_, flags) => {
    const call = (method: string, data: object, token = "token-of-desk") =>
      bufCurl(
        ...["--schema", ".", ...flags, "--header", `token: ${token}`, "--data", JSON.stringify(data)],
        `${node.url}/eventwire.v1.WebsocketService/${method}`,
      );
    const websocket = { enabled: true, events: ["call.update"], mediaBase64: true };
    const set = await call("SetWebsocket", { instance: "desk", ...websocket });
    expect(set.stderr).toBe("");
    expect(JSON.parse(set.stdout)).toEqual({
      success: true,
      message: "WebSocket configured successfully",
      websocket,
    });
    // 8 times the canonical code.
    expect(await call("GetWebsocket", { instance: "other" })).toMatchObject({
      code: 7 * 8,
      stderr: expect.stringContaining("Instance token does not match requested instance"),
    });
    expect(await call("GetWebsocket", { instance: "desk" }, "nobody's")).toMatchObject({
      code: 16 * 8,
      stderr: expect.stringContaining("Invalid token"),
    });
  });

  it.each(["v1", "v1alpha"])("publishes a stream without a schema, by reflection %s", async (version) => {
    const batch = (sequence: number): object => ({
      sequence,
      events: [{ instance: "desk", event: "call.update", data: { n: sequence } }],
    });
    const answer = await bufCurl(
      ...["--protocol", "grpc", "--http2-prior-knowledge", "--reflect-protocol", `grpc-${version}`],
      ...["--header", `token: ${node.token}`, "--data", JSON.stringify(batch(1)) + JSON.stringify(batch(2))],
      `${node.url}/eventwire.v1.EventService/PublishEvents`,
    );
    expect(answer.stderr).toBe("");
    expect(answer.stdout.match(/"published": ?1/g)).toHaveLength(2);
  });
});

describe("reflection", () => {
  async function ask(
    version: "v1" | "v1alpha",
    ...requests: MessageInitShape<typeof ServerReflectionRequestSchema>["messageRequest"][]
  ): Promise<ServerReflectionResponse["messageResponse"][]> {
    const client = new grpc.Client(new URL(node.url).host, grpc.credentials.createInsecure());
    const call = client.makeBidiStreamRequest(
      `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => fromBinary(ServerReflectionResponseSchema, bytes),
    );
    const schema = ServerReflectionRequestSchema;
    for (const messageRequest of requests)
      call.write(Buffer.from(toBinary(schema, create(schema, messageRequest && { messageRequest }))));
    call.end();
    const answers: ServerReflectionResponse["messageResponse"][] = [];
    for await (const { messageResponse } of call) answers.push(messageResponse);
    client.close();
    return answers;
  }

  it.each(["v1", "v1alpha"] as const)("%s hands out files with everything they import", async (version) => {
    const answers = await ask(
      version,
      { case: "fileContainingSymbol", value: "eventwire.v1.WebsocketService" },
      { case: "fileContainingSymbol", value: "eventwire.v1.WebsocketService.SetWebsocket" },
      { case: "fileContainingSymbol", value: "eventwire.v1.PublishEventsResponse.Refusal" },
      { case: "fileContainingSymbol", value: "eventwire.v1.SetWebsocketRequest.enabled" },
      { case: "fileByFilename", value: "eventwire/v1/policy.proto" },
      {
        case: "fileContainingExtension",
        value: { containingType: "google.protobuf.MethodOptions", extensionNumber: 50100 },
      },
    );
    expect(answers).toHaveLength(6);
    for (const answer of answers) {
      if (answer.case !== "fileDescriptorResponse") throw new Error(`unexpected ${answer.case}`);
      const file = answer.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
      const names = file.map(({ name }) => name);
      expect(new Set(names).size).toBe(names.length);
      for (const { dependency } of file) expect(names).toEqual(expect.arrayContaining(dependency));
    }
  });

  it("knows the extensions of the contract", async () => {
    const [numbers] = await ask("v1", { case: "allExtensionNumbersOfType", value: "google.protobuf.MethodOptions" });
    expect(numbers).toMatchObject({
      case: "allExtensionNumbersResponse",
      value: { extensionNumber: expect.arrayContaining([50100, 72295728]) },
    });
  });

  it("says what it does not know, and goes on", async () => {
    const answers = await ask(
      "v1",
      { case: "fileContainingSymbol", value: "eventwire.v1.Unknown" },
      { case: "fileByFilename", value: "../../etc/passwd" },
      { case: "fileContainingExtension", value: { containingType: "no.Such", extensionNumber: -1 } },
      { case: "allExtensionNumbersOfType", value: "" },
      undefined,
      { case: "listServices", value: "" },
    );
    expect(answers.map((answer) => (answer.case === "errorResponse" ? answer.value.errorCode : answer.case))).toEqual([
      5,
      5,
      5,
      5,
      3,
      "listServicesResponse",
    ]);
  });

  it("answers 256 requests on one stream, and no more", async () => {
    const one = { case: "listServices", value: "" } as const;
    expect(await ask("v1", ...Array.from({ length: 256 }, () => one))).toHaveLength(256);
    await expect(ask("v1", ...Array.from({ length: 257 }, () => one))).rejects.toMatchObject({
      code: 8,
      details: "Too many requests on one stream",
    });
  });

  it("is not there when it is switched off", async () => {
    const mute = await startServiceNode({ reflection: false });
    const listed = await bufCurl("--http2-prior-knowledge", "--list-services", mute.url);
    expect(listed.stderr).toContain("unimplemented");
    expect(listed.stdout).toBe("");
    await mute.close();
  });

  it("ends its streams when the node goes", async () => {
    const short = await startServiceNode();
    const client = new grpc.Client(new URL(short.url).host, grpc.credentials.createInsecure());
    const bytes = (value: Buffer): Buffer => value;
    const call = client.makeBidiStreamRequest(
      "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
      bytes,
      bytes,
    );
    call.write(Buffer.from([0x3a, 0]));
    await once(call, "data");
    const failed = once(call, "error");
    const closed = short.port.close(600_000);
    expect((await failed)[0]).toMatchObject({ code: 14 });
    await closed;
    client.close();
    await short.close();
  });

  it("survives bytes that are no request", async () => {
    const client = new grpc.Client(new URL(node.url).host, grpc.credentials.createInsecure());
    const call = client.makeBidiStreamRequest(
      "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes,
    );
    call.write(Buffer.from([0xff, 0xff]));
    call.end();
    const failed = await new Promise((resolve) => call.on("error", resolve).resume());
    expect(failed).toMatchObject({ code: 3, details: "Invalid request body" });
    client.close();
  });
});

describe("grpc-js with the .proto files", () => {
  it("calls as its users do, and reads the rest from trailers", async () => {
    const definition = await load(["eventwire/v1/websocket_service.proto"], {
      includeDirs: ["proto", "proto/vendor"],
      keepCase: true,
      defaults: true,
    });
    const Client = grpc.makeGenericClientConstructor(
      definition["eventwire.v1.WebsocketService"] as grpc.ServiceDefinition,
      "WebsocketService",
    );
    const client = new Client(new URL(node.url).host, grpc.credentials.createInsecure());
    const metadata = new grpc.Metadata();
    metadata.set("authorization", `Bearer ${node.token}`);
    const call = (method: string, request: object): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const rpc = client[method] as (...args: unknown[]) => void;
        rpc.call(client, request, metadata, (error: Error | null, answer: unknown) =>
          error ? reject(error) : resolve(answer),
        );
      });
    const websocket = { enabled: false, events: [], media_base64: false };
    expect(await call("SetWebsocket", { instance: "desk", enabled: false, events: ["call.update"] })).toMatchObject({
      websocket,
    });
    expect(await call("GetWebsocket", { instance: "desk" })).toMatchObject({ websocket });
    await expect(call("SetWebsocket", { instance: "desk" })).rejects.toMatchObject({
      code: 3,
      details: "Invalid request body",
    });
    client.close();
  });
});
