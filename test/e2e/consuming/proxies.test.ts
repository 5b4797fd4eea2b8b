/** The lines for proxies in docs/CONSUMING.md let WebSockets and streams pass, frame by frame. */

import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Addresses, localised, Part } from "../../support/consuming-page.js";
import { type PublicServer, startPublicServer } from "../../support/public-server.js";
import { lacks } from "../../support/requirements.js";
import { startHaproxy, startNginx } from "../../support/snippet-proxies.js";
import { subscribe } from "../../support/subscriber.js";
import { openV1 } from "../../support/v1-consumer.js";

const part = new Part("proxies");
const forPublic = part.take("A proxy in between", "nginx");
const forService = part.take("A proxy in between", "nginx");
const defaults = part.take("A proxy in between", "haproxy");

let server: PublicServer;
beforeAll(async () => {
  server = await startPublicServer();
  await server.createInstance("desk-1", "ti_token-of-desk-1", { enabled: true });
});
afterAll(() => server.close());

const addresses = () => ({ url: server.url, grpcUrl: server.server.grpcUrl });

describe.each([
  {
    name: "nginx",
    skip: await lacks("nginx"),
    start: () => startNginx(localised(forPublic, addresses()), localised(forService, addresses())),
  },
  { name: "HAProxy", skip: await lacks("haproxy"), start: () => startHaproxy(defaults, addresses()) },
] satisfies { name: string; skip: boolean; start: () => Promise<Addresses> }[])("$name", ({ skip, start }) => {
  it.skipIf(skip)("lets a WebSocket and streams of both ports pass", async () => {
    const { url, grpcUrl } = await start();
    const socket = await openV1(url, "/ws/desk-1?token=ti_token-of-desk-1");
    expect((await socket.frame()).control).toBe("hello");
    const streams = [
      createConnectTransport({ baseUrl: url, httpVersion: "1.1" }),
      createGrpcTransport({ baseUrl: grpcUrl }),
    ].map((transport) => subscribe(transport, "ti_token-of-desk-1", { instance: "desk-1" }));
    for (const { next } of streams) expect((await next()).case).toBe("hello");
    await server.call("POST", "/api/events/publish/desk-1", { event: "call.update", data: { n: 1 } });
    expect((await socket.frame()).data).toEqual({ n: 1 });
    for (const { data } of streams) expect(await data(1)).toEqual([{ n: 1 }]);
  });
});

it("no block is left out", () => {
  expect(part.left).toEqual([]);
});
