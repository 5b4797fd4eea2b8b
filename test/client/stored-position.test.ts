/** The position that the client keeps in a storage of the caller, and presents when the program or the page begins again. */

import { expect, it, onTestFinished } from "vitest";
import type { ConnectOptions } from "../../src/client/browser.js";
import { connect } from "../../src/client/node/connect.js";
import { eventFrame, helloFrame, startForeignGateway } from "../support/foreign-gateway.js";

function open(options: ConnectOptions) {
  const connection = connect({ instance: "desk-1", token: "ti_x", ...options });
  onTestFinished(() => connection.close());
  return connection;
}

class Storage {
  readonly items = new Map<string, string>();
  readonly getItem = (key: string) => this.items.get(key) ?? null;
  readonly setItem = (key: string, value: string) => void this.items.set(key, value);

  get positions(): string[] {
    return [...this.items.values()];
  }
}

const at = (n: number) => ({ position: `e.${n}` });

it("is that of the last frame after which the loop has asked for the next one", async () => {
  const gateway = await startForeignGateway();
  const storage = new Storage();
  const frames = open({ url: gateway.url, storage }).frames();
  const link = await gateway.link();
  expect(link.query.has("after")).toBe(false);
  link.send(helloFrame(at(0)), eventFrame(1, at(1)), eventFrame(2, at(2)));
  const stored: string[][] = [];
  for (let i = 0; i < 3; i++) {
    await frames.next();
    stored.push(storage.positions);
  }
  expect(stored).toEqual([[], ["e.0"], ["e.1"]]);
  const again = open({ url: gateway.url, storage }).frames();
  const next = await gateway.link();
  expect(next.query.get("after")).toBe("e.1");
  next.send(helloFrame({ ...at(3), resumed: true, replayed: 1 }), eventFrame(2, at(2)));
  await again.next();
  await again.next();
  expect(storage.positions).toEqual(["e.1"]);
});

it("is that of the last event for which the callback has returned", async () => {
  const gateway = await startForeignGateway();
  const storage = new Storage();
  const seen: string[][] = [];
  open({ url: gateway.url, storage, onEvent: () => void seen.push(storage.positions) });
  (await gateway.link()).send(helloFrame(at(0)), eventFrame(1, at(1)), eventFrame(2, at(2)));
  await expect.poll(() => storage.positions).toEqual(["e.2"]);
  expect(seen).toEqual([["e.0"], ["e.1"]]);
});

it("is of no use after an event without a position, or for another instance or other events", async () => {
  const gateway = await startForeignGateway();
  const storage = new Storage();
  open({ url: gateway.url, storage, onEvent: () => {} });
  const link = await gateway.link();
  link.send(helloFrame(at(0)), eventFrame(1, at(1)));
  await expect.poll(() => storage.positions).toEqual(["e.1"]);
  for (const other of [{ instance: "desk-2" }, { events: ["call.update"] }]) {
    open({ url: gateway.url, storage, ...other });
    expect((await gateway.link()).query.has("after")).toBe(false);
  }
  link.send(eventFrame(2));
  await expect.poll(() => storage.positions).toEqual([""]);
  open({ url: gateway.url, storage });
  expect((await gateway.link()).query.has("after")).toBe(false);
});

it("yields to the position that the caller names, and a storage that throws is no error", async () => {
  const gateway = await startForeignGateway();
  const fail = () => {
    throw new Error("forbidden");
  };
  const connection = open({ url: gateway.url, after: "e.7", storage: { getItem: fail, setItem: fail } });
  const link = await gateway.link();
  expect(link.query.get("after")).toBe("e.7");
  link.send(helloFrame({ resumed: true }), eventFrame(8, at(8)), eventFrame(9, at(9)));
  const frames = connection.frames();
  for (let i = 0; i < 3; i++) await frames.next();
  expect(connection.position).toBe("e.9");
});

it("is not presented after a frame without a position, and the gateway's own gap is the only one", async () => {
  const gateway = await startForeignGateway();
  const connection = open({ url: gateway.url });
  const frames = connection.frames();
  const first = await gateway.link();
  first.send(helloFrame(at(0)), eventFrame(1, at(1)), eventFrame(2));
  for (let i = 0; i < 3; i++) await frames.next();
  expect(connection.position).toBeUndefined();
  first.socket.terminate();
  const second = await gateway.link();
  expect(second.query.has("after")).toBe(false);
  second.send(helloFrame(at(3)));
  second.socket.terminate();
  const third = await gateway.link();
  expect(third.query.get("after")).toBe("e.3");
  const gap = { control: "gap", reason: "history_expired", from: "x", until: "y", missed: null, instance: "desk-1" };
  third.send(helloFrame({ ...at(4), resumed: false }), gap);
  const kinds: unknown[] = [];
  for (let i = 0; i < 4; i++) kinds.push((await frames.next()).value);
  expect(kinds).toMatchObject([
    { control: "hello", position: "e.3" },
    { control: "gap", reason: "disconnected" },
    { control: "hello", resumed: false },
    { control: "gap", reason: "history_expired" },
  ]);
});
