/** Frames that ask for no call, as fast as a client can send them: the connection ends, or it is too cheap to matter. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { callHead, flag, frame, frameType, openFrames } from "../support/h2-frames.js";
import { type ServiceNode, startServiceNode } from "../support/service-node.js";

let node: ServiceNode;
beforeAll(async () => {
  node = await startServiceNode();
});
afterAll(() => node.close());

const many = (one: Buffer): Buffer => Buffer.concat(Array.from({ length: 4_000 }, () => one));

describe("a flood of", () => {
  it.each([
    [
      "CONTINUATION",
      Buffer.concat([
        frame(frameType.headers, flag.none, 1, callHead("/metrics")),
        many(frame(frameType.continuation, flag.none, 1)),
      ]),
    ],
    [
      "empty DATA",
      Buffer.concat([
        frame(frameType.headers, flag.endHeaders, 1, callHead("/grpc.health.v1.Health/Check")),
        many(frame(frameType.data, flag.none, 1)),
      ]),
    ],
  ])("%s ends its connection, and nobody else notices", async (_, bytes) => {
    const client = await openFrames(node.port.port);
    client.send(bytes);
    await client.closed();
    expect((await fetch(`${node.url}/metrics`)).status).toBe(200);
  });

  it.each([
    ["PING", frame(frameType.ping, flag.none, 0, Buffer.alloc(8))],
    ["SETTINGS", frame(frameType.settings, flag.none, 0)],
  ])("%s whose answers nobody reads ends its connection", async (_, one) => {
    const client = await openFrames(node.port.port);
    client.socket.pause();
    const bytes = many(one);
    const flood = (): void => {
      if (client.socket.destroyed) return;
      if (client.socket.write(bytes)) setImmediate(flood);
      else client.socket.once("drain", flood);
    };
    const closed = client.closed();
    flood();
    await closed;
    expect((await fetch(`${node.url}/metrics`)).status).toBe(200);
  });
});
