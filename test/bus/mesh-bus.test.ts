/** The bus between the workers of one machine: what every bus promises, interest, and what it does when one dies or hangs. */

import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { pino } from "pino";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { Bus, Event } from "../../src/bus/bus.js";
import * as codec from "../../src/bus/event-codec.js";
import { openMeshBus } from "../../src/bus/mesh-bus.js";
import { collectOn, collector, describeBus, eventOf, newInstance, numbers, subscribed } from "../support/bus-suite.js";
import { startMeshWorker } from "../support/mesh-worker.js";
import { temporaryDirectory } from "../support/temporary.js";
import { until } from "../support/until.js";

const log: Record<string, unknown>[] = [];
const logger = pino({ level: "debug" }, { write: (line: string) => void log.push(JSON.parse(line)) });

interface Machine {
  readonly directory: string;
  open(options?: { mayBeWanted?: (event: Event) => boolean }): Promise<Bus>;
}

/** Those that were opened on it know each other, as the primary would tell them. */
function machine(): Machine {
  const directory = temporaryDirectory();
  const names: string[] = [];
  return {
    directory,
    open({ mayBeWanted = () => true } = {}) {
      const name = `w${names.length + 1}`;
      const here = [...names];
      names.push(name);
      return openMeshBus({ directory, name, join: async () => here, mayBeWanted, logger });
    },
  };
}

function closing(...buses: Bus[]): void {
  onTestFinished(async () => {
    await Promise.all(buses.map((bus) => bus.close()));
  });
}

async function two(): Promise<[Bus, Bus]> {
  const { open } = machine();
  const buses: [Bus, Bus] = [await open(), await open()];
  closing(...buses);
  return buses;
}

describeBus(
  "between workers",
  {
    async open(count) {
      const { open } = machine();
      const buses: Bus[] = [];
      while (buses.length < count) buses.push(await open());
      return buses;
    },
  },
  3,
);

describe("workers that start at once", () => {
  it("hear each other", async () => {
    const directory = temporaryDirectory();
    const names: string[] = [];
    const buses = await Promise.all(
      ["a", "b", "c", "d"].map((name) =>
        openMeshBus({
          directory,
          name,
          join: async () => {
            names.push(name);
            return names.slice(0, -1);
          },
          mayBeWanted: () => true,
          logger,
        }),
      ),
    );
    closing(...buses);
    const instance = newInstance();
    const ears = await collectOn(buses, instance);
    for (const [n, bus] of buses.entries()) {
      bus.publish(eventOf(instance, n));
      expect(await bus.flush()).not.toBe(false);
    }
    for (const ear of ears) expect(numbers(await ear.have(4)).sort()).toEqual([0, 1, 2, 3]);
  });
});

describe("interest between workers", () => {
  it("keeps an event that nobody wants: it is neither encoded nor sent", async () => {
    const [near, far] = await two();
    const instance = newInstance();
    await subscribed(near, instance, () => {});
    const encode = vi.spyOn(codec, "encodeEvent");
    onTestFinished(() => encode.mockRestore());
    for (let n = 0; n < 100; n++) near.publish(eventOf(instance, n));
    expect(near.flush()).toBeUndefined();
    expect(encode).not.toHaveBeenCalled();
    expect(near.stats).toMatchObject({ sent: 0, unwanted: 100, unreached: 0 });
    expect(far.stats.received).toBe(0);
  });

  it("keeps what the stored filter refuses", async () => {
    const { open } = machine();
    const [near, far] = [await open({ mayBeWanted: ({ type }) => type !== "call.update" }), await open()];
    closing(near, far);
    const instance = newInstance();
    const ear = collector();
    await subscribed(far, instance, ear.handler);
    near.publish(eventOf(instance, 1, { type: "call.update" }));
    near.publish(eventOf(instance, 2));
    expect(numbers(await ear.have(1))).toEqual([2]);
    expect(near.stats).toMatchObject({ sent: 1, unwanted: 1 });
  });

  it("is in force when it says so, and ends with the subscription", async () => {
    const [near, far] = await two();
    for (let round = 0; round < 50; round++) {
      const instance = newInstance();
      const ear = collector();
      const stop = await subscribed(far, instance, ear.handler);
      near.publish(eventOf(instance, round));
      expect(numbers(await ear.have(1))).toEqual([round]);
      stop();
    }
    const instance = newInstance();
    const stop = await subscribed(far, instance, () => {});
    stop();
    // What is in force later was said later.
    await subscribed(far, newInstance(), () => {});
    near.publish(eventOf(instance, 1));
    expect(near.stats).toMatchObject({ sent: 50, unwanted: 1 });
  });

  it("of a newcomer is known to all, and it knows that of all", async () => {
    const { open } = machine();
    const near = await open();
    const instance = newInstance();
    const [old, young] = [collector(), collector()];
    await subscribed(near, instance, old.handler);
    const far = await open();
    closing(near, far);
    far.publish(eventOf(instance, 1));
    expect(numbers(await old.have(1))).toEqual([1]);
    await subscribed(far, instance, young.handler);
    near.publish(eventOf(instance, 2));
    expect(numbers(await young.have(1))).toEqual([2]);
  });
});

it("carries an event that is larger than what may wait", async () => {
  const [near, far] = await two();
  const instance = newInstance();
  const ear = collector();
  await subscribed(far, instance, ear.handler);
  const media = Buffer.alloc(80 * 1024 * 1024, 7);
  const slot = { cuts: [], inlineBytes: 0, insertAt: 1, hasOthers: false };
  near.publish({ instanceId: instance, type: "message.exchange", data: Buffer.from("{}"), slot, media });
  expect(await near.flush()).toBe(true);
  const [event] = (await ear.have(1)) as [Event];
  expect(media.equals(event.media as Uint8Array)).toBe(true);
});

describe("a worker that is killed", () => {
  it("takes nothing along that it had answered", async () => {
    const { directory, open } = machine();
    const near = await open();
    closing(near);
    const instance = newInstance();
    const ear = collector();
    await subscribed(near, instance, ear.handler);
    const publisher = await startMeshWorker(directory, "killed", ["w1"]);
    const gone = once(publisher.child, "exit");
    // More than the kernel takes at once, so that some of it waits in the worker.
    expect(await publisher.publish(instance, 2_000, 2_000)).toBe(true);
    publisher.child.kill("SIGKILL");
    await gone;
    expect(numbers(await ear.have(2_000))).toEqual(Array.from({ length: 2_000 }, (_, n) => n));
  });

  it("is forgotten: that is no interruption, and whoever publishes is told nothing", async () => {
    const { directory, open } = machine();
    const near = await open();
    closing(near);
    const instance = newInstance();
    const far = await startMeshWorker(directory, "forgotten", ["w1"]);
    await far.subscribe(instance);
    near.publish(eventOf(instance, 1));
    const gone = once(far.child, "exit");
    far.child.kill("SIGKILL");
    await gone;
    for (let n = 2; n < 20; n++) {
      near.publish(eventOf(instance, n));
      expect(await near.flush()).not.toBe(false);
      await new Promise(setImmediate);
    }
    expect(near.trouble()).toBeUndefined();
    expect(near.stats).toMatchObject({ unreached: 0, interruptions: 0 });
  });
});

describe("a worker that hangs", () => {
  it("is cut off, and whoever publishes is told; when it goes on, it is back, and both log the span", async () => {
    const { directory, open } = machine();
    const near = await open();
    closing(near);
    const instance = newInstance();
    const far = await startMeshWorker(directory, "hanging", ["w1"]);
    await far.subscribe(instance);
    near.publish(eventOf(instance, 1));
    expect(await near.flush()).toBe(true);
    await until(() => far.heard.length === 1);
    far.child.kill("SIGSTOP");
    const stoppedAt = Date.now();
    await until(() => near.trouble() !== undefined);
    near.publish(eventOf(instance, 2));
    expect(await near.flush()).toBe(false);
    expect(near.stats.unreached).toBeGreaterThan(0);
    // Nobody waits for it any more.
    await subscribed(near, newInstance(), () => {});
    far.child.kill("SIGCONT");
    await until(() => near.trouble() === undefined);
    near.publish(eventOf(instance, 3));
    expect(await near.flush()).not.toBe(false);
    await until(() => far.heard.includes(3));
    expect(far.heard).not.toContain(2);
    expect(near.stats.interruptions).toBe(1);
    const back = log.findLast(({ msg, peer }) => msg === "the bus is back" && peer === "hanging");
    expect(Date.parse(back?.from as string)).toBeLessThanOrEqual(stoppedAt + 1_000);
    expect(back?.ms).toBeGreaterThan(0);
  });

  it("may keep 64 MiB waiting and no more", async () => {
    const { directory, open } = machine();
    const near = await open();
    closing(near);
    const instance = newInstance();
    const far = await startMeshWorker(directory, "full", ["w1"]);
    await far.subscribe(instance);
    far.child.kill("SIGSTOP");
    const data = Buffer.from(JSON.stringify({ n: 1, pad: "x".repeat(1024 * 1024) }));
    for (let n = 0; n < 66; n++) near.publish(eventOf(instance, n, { data }));
    expect(await near.flush()).toBe(false);
    expect(near.stats).toMatchObject({ unreached: 66, interruptions: 1 });
    expect(log.findLast(({ peer }) => peer === "full")).toMatchObject({ reason: "the other worker does not read" });
    far.child.kill("SIGCONT");
    await until(() => near.trouble() === undefined);
  });

  it("does not keep another from starting", async () => {
    const { directory, open } = machine();
    const dead: Socket[] = [];
    const hanging = createServer((socket) => void dead.push(socket)).listen(join(directory, "w1"));
    await once(hanging, "listening");
    await expect(open()).rejects.toThrow("EADDRINUSE");
    const near = await open();
    expect(near.trouble()).toBe("unreachable");
    expect(await near.flush()).toBe(false);
    for (const socket of dead) socket.destroy();
    hanging.close();
    await until(() => near.trouble() === undefined);
    await near.close();
  });
});
