/** Streams whose client reads slowly, not at all, or has gone: the rule of 256, the byte limit, and how such a stream ends. */

import { constants } from "node:http2";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Consumer } from "../../src/delivery/consumer.js";
import type { HubOptions } from "../../src/delivery/hub.js";
import { upTo } from "../support/fake-hub.js";
import { padding } from "../support/padding.js";
import { connectOverHttp1, grpcOverHttp2, type RawProtocol } from "../support/raw-subscriber.js";
import { startServiceNode } from "../support/service-node.js";
import { stamp } from "../support/stamp.js";
import { until } from "../support/until.js";

const websocket = { enabled: true, events: [], mediaBase64: false };

async function stage(options: Partial<HubOptions> = {}) {
  const node = await startServiceNode({ hub: options });
  onTestFinished(() => node.close());
  const accountId = node.directory.principal(node.token)?.accountId ?? "";
  const { id } = await node.store.createInstance({ accountId, name: "desk", websocket });
  const consumers: Consumer[] = [];
  const { add } = node.hub;
  node.hub.add = (...args) => {
    const consumer = add(...args);
    consumers.push(consumer);
    return consumer;
  };
  let published = 0;
  return {
    hub: node.hub,
    port: node.port.port,
    /** Publishes so many events of a size within a turn, and lets the turn end. */
    async publish(size: number, count = 1) {
      for (let i = 0; i < count; i++) {
        const n = ++published;
        node.bus.publish({
          ...stamp,
          instanceId: id,
          type: "label.update",
          data: Buffer.from(`{"n":${n},"p":"${padding(n, size)}"}`),
        });
      }
      await turn();
      await turn();
    },
    published: () => published,
    async open(protocol: RawProtocol) {
      const reader = await protocol.open(node.port.port, node.token, "desk");
      return { reader, consumer: consumers.at(-1) as Consumer };
    },
  };
}

const waiting = (consumer: Consumer): number => consumer.describe().waitingFrames;

describe.each([grpcOverHttp2, connectOverHttp1])("a reader over $name", (protocol) => {
  it.each([400, 20_000, 200_000])(
    "that stops has 256 frames of %i bytes waiting, and gets all of them when it reads again",
    async (size) => {
      const { open, publish, published } = await stage({ pendingBytesMax: 2 ** 31 });
      const [slow, quick] = [await open(protocol), await open(protocol)];
      slow.reader.pause();
      while (!slow.consumer.blocked) await publish(size);
      while (waiting(slow.consumer) < 256) await publish(size);
      slow.reader.resume();
      for (const { reader } of [slow, quick]) {
        await reader.has(published());
        expect(reader.got).toEqual(upTo(published()));
      }
    },
  );

  it("that stops is closed at the 257th, and reads why after what was on its way", async () => {
    const { hub, open, publish, published } = await stage();
    const { reader, consumer } = await open(protocol);
    reader.pause();
    while (!consumer.blocked) await publish(400);
    while (waiting(consumer) < 256) await publish(400);
    expect(hub.stats.closes.size).toBe(0);
    await publish(400);
    expect(hub.stats.closes.get(4008)).toBe(1);
    reader.resume();
    await reader.ended;
    expect(reader.closing).toMatchObject({ code: 4008, reason: "slow consumer", reconnect: true, waitingFrames: 257 });
    expect(["8", "resource_exhausted"]).toContain(reader.status);
    expect(reader.got).toEqual(upTo(reader.got.length));
    // Of the 257 the stream held 32 at most, which still arrived.
    expect(published() - reader.got.length).toBeGreaterThan(257 - 33);
    expect(published() - reader.got.length).toBeLessThanOrEqual(257);
  });

  it("that stops is closed above the byte limit, long before 256 frames", async () => {
    const pendingBytesMax = 2 ** 20;
    const { hub, open, publish } = await stage({ pendingBytesMax });
    const { reader, consumer } = await open(protocol);
    reader.pause();
    let before = 0;
    while (hub.stats.closes.size === 0) {
      before = consumer.waitingBytes;
      await publish(50_000);
    }
    expect(before).toBeLessThanOrEqual(pendingBytesMax);
    expect(before).toBeGreaterThan(pendingBytesMax - 51_000);
    reader.resume();
    await reader.ended;
    expect(reader.closing).toMatchObject({ code: 4008 });
    expect(reader.closing?.waitingBytes).toBeGreaterThan(pendingBytesMax);
  });

  it("that never reads again is cut after the grace", async () => {
    const { hub, open, publish } = await stage({ closeGraceMs: 200 });
    const { reader, consumer } = await open(protocol);
    reader.pause();
    while (!consumer.blocked) await publish(400, 32);
    while (!hub.stats.closes.has(4008)) await publish(400);
    await until(() => hub.stats.consumers === 0);
    reader.resume();
    const code = await reader.ended;
    expect(reader.closing).toBeUndefined();
    if (protocol === grpcOverHttp2) expect(code).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  });

  it("that is slow, but fast enough in the mean, gets everything", async () => {
    const { hub, open, publish, published } = await stage();
    const { reader, consumer } = await open(protocol);
    for (let round = 0; round < 20; round++) {
      reader.pause();
      while (!consumer.blocked) await publish(round % 2 === 0 ? 900 : 17_000, 1 + (round % 3) * 8);
      await publish(300, 100);
      reader.resume();
      await reader.has(published());
    }
    expect(reader.got).toEqual(upTo(published()));
    expect(hub.stats.closes.size).toBe(0);
  });

  it("that is killed is forgotten, also while it is blocked, and its neighbour gets everything", async () => {
    const { hub, open, publish, published } = await stage();
    const [idle, blocked, stays] = [await open(protocol), await open(protocol), await open(protocol)];
    blocked.reader.pause();
    while (!blocked.consumer.blocked) await publish(400);
    await publish(400, 50);
    idle.reader.kill();
    blocked.reader.kill();
    await until(() => hub.stats.consumers === 1);
    await publish(400, 10);
    await stays.reader.has(published());
    expect(stays.reader.got).toEqual(upTo(published()));
  });
});
