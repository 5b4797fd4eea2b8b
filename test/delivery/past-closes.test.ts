/** A client that comes back finds in `hello` how its last connection ended, on both kinds of connection. */

import { randomUUID } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { PastCloses } from "../../src/delivery/past-closes.js";
import { slowConsumer } from "../../src/domain/closes.js";
import type { Principal } from "../../src/domain/instance.js";
import { createMemoryHistory } from "../../src/history/memory-history.js";
import { controlHubs } from "../support/control-hub.js";
import { entry, type FakeConnection, principal } from "../support/fake-hub.js";
import { until } from "../support/until.js";

const limits = { seconds: 60, events: 100, bytes: 1_000_000 };

async function helloOf({ received }: FakeConnection): Promise<Record<string, unknown>> {
  while (received.length === 0) await turn();
  return JSON.parse(received[0] as string);
}

describe("a close", () => {
  it("is told to the holder of the same token alone, and forgotten with the history", async () => {
    const history = createMemoryHistory({ ...limits, seconds: 0.05 });
    const closes = new PastCloses(history);
    const connection = randomUUID();
    closes.keep(connection, principal, slowConsumer, { waitingFrames: 3, waitingBytes: 7 });
    const ask = async (who: Principal) => {
      const asked = { previous: connection };
      await closes.find(asked);
      return closes.told(asked, who);
    };
    const unknown = { connection, code: 0, reason: "unknown", waitingFrames: 0, waitingBytes: 0 };
    expect(await ask(principal)).toEqual({ connection, ...slowConsumer, waitingFrames: 3, waitingBytes: 7 });
    expect(await ask({ ...principal, id: "b" })).toEqual(unknown);
    expect(await ask({ ...principal, kind: "instance" })).toEqual(unknown);
    await until(async () => (await ask(principal))?.code === 0);
    expect(await ask(principal)).toEqual(unknown);
    await history.close();
  });
});

describe.each(controlHubs)("over %s", (_, controlHub) => {
  it("a slow consumer learns what waited for it when it comes back", async () => {
    const history = createMemoryHistory(limits);
    const parts = controlHub({ history });
    const slow = parts.open(0);
    await turn();
    const connection = parts.hub.connectionId(slow.consumer) as string;
    for (let n = 0; n < 300; n++) parts.publish("label.update", 500);
    while (parts.closed.length === 0 && parts.hub.connectionId(slow.consumer) !== undefined) await turn();

    const asked = { previous: connection };
    const format = slow.consumer.stream.view.format;
    const reservation = parts.hub.reserve(entry("1"), format, asked);
    await reservation.inForce;
    const { previous } = await helloOf(parts.open(1e9, entry("1"), -1, asked));
    expect(previous).toMatchObject({ connection, code: 4008, reason: "slow consumer" });
    expect((previous as { waitingFrames: number }).waitingFrames).toBeGreaterThan(256);
    expect((previous as { waitingBytes: number }).waitingBytes).toBeGreaterThan(256 * 500);
    reservation.release();
    await history.close();
  });
});
