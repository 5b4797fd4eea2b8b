/** The official gRPC-Web client in a real browser, on another origin: Subscribe in its text form, which browsers can read in pieces. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { expect, it, onTestFinished } from "vitest";
import type { EventFrame } from "../../gen/eventwire/v1/frame_pb.js";
import { SubscribeRequestSchema, SubscribeResponseSchema } from "../../gen/eventwire/v1/subscription_service_pb.js";
import { serveChromiumPage } from "../support/chromium-page.js";
import { startPublicServer } from "../support/public-server.js";
import { lacks } from "../support/requirements.js";

const library = readFileSync(createRequire(import.meta.url).resolve("grpc-web"), "utf8");
const request = toBinary(SubscribeRequestSchema, create(SubscribeRequestSchema, { instance: "desk" }));

/** Reports each message in base64, and then the status of the end. */
const page = (url: string): string => `
  const module = { exports: {} };
  new Function("module", "exports", ${JSON.stringify(library)}).call(globalThis, module, module.exports);
  const { GrpcWebClientBase, MethodDescriptor, MethodType } = module.exports;
  const path = "/eventwire.v1.SubscriptionService/Subscribe";
  const same = (bytes) => bytes;
  const method = new MethodDescriptor(path, MethodType.SERVER_STREAMING, Uint8Array, Uint8Array, same, same);
  const client = new GrpcWebClientBase({ format: "text" });
  const request = Uint8Array.from(${JSON.stringify([...request])});
  const stream = client.serverStreaming("${url}" + path, request, { token: "ti_desk-one" }, method);
  let last = Promise.resolve();
  const tell = (what) => {
    last = last.then(() => report(what));
  };
  stream.on("data", (bytes) => tell(btoa(String.fromCharCode(...bytes))));
  stream.on("error", ({ code, message }) => tell({ code, message }));
`;

it.skipIf(await lacks("chromium"))(
  "reads hello, events as they happen, and why it ends",
  { timeout: 60_000 },
  async () => {
    const chromium = await serveChromiumPage();
    const server = await startPublicServer({ ALLOWED_ORIGINS: chromium.origin });
    onTestFinished(() => server.close());
    await server.createInstance("desk", "ti_desk-one", { enabled: true });
    const frameAt = (at: number) =>
      fromBinary(SubscribeResponseSchema, Buffer.from(chromium.told[at] as string, "base64")).frame;

    chromium.open(page(server.url));
    await chromium.heard(1);
    expect(frameAt(0)).toMatchObject({ case: "hello", value: { instance: "desk" } });
    for (let n = 0; n < 3; n++) {
      await server.call("POST", "/api/events/publish/desk", { event: "call.update", data: { n } });
      await chromium.heard(2 + n);
      const { payload } = frameAt(1 + n).value as EventFrame;
      expect(JSON.parse(Buffer.from(payload.value as Uint8Array).toString())).toEqual({ n });
    }
    await server.call("DELETE", "/api/instance/delete/desk");
    await chromium.heard(6);
    expect(frameAt(4)).toMatchObject({ case: "closing", value: { code: 4004 } });
    expect(chromium.told[5]).toEqual({ code: 5, message: "instance deleted" });
  },
);
