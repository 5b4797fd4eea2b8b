/** Whether a node can serve. */

import { afterAll, beforeAll, expect, it } from "vitest";
import { createHealth } from "../../src/service/health.js";
import { type ServiceNode, startServiceNode } from "../support/service-node.js";

const draining = new AbortController().signal;

let node: ServiceNode;
beforeAll(async () => {
  node = await startServiceNode();
});
afterAll(() => node.close());

it("has no trouble while the database answers", async () => {
  const health = createHealth({ ...node, draining });
  expect(await health.trouble()).toBeUndefined();
  expect(health.uptime()).toBe(Math.floor(health.uptime()));
});

it("is starting until the directory was read", async () => {
  const health = createHealth({ store: node.store, directory: { ...node.directory, ready: false }, draining });
  expect(await health.trouble()).toBe("db starting");
});

it("tells that it drains, and of a bus only where there is one", async () => {
  const leaving = new AbortController();
  const { store, directory, bus } = node;
  const alone = createHealth({ store, directory, draining: leaving.signal });
  const health = createHealth({ store, directory, bus, draining: leaving.signal });
  expect(await alone.check()).toEqual({ db: "ok" });
  leaving.abort();
  expect(await alone.check()).toEqual({ db: "ok", node: "draining" });
  expect(await health.check()).toEqual({ db: "ok", node: "draining", bus: "ok" });
  expect(await health.trouble()).toBe("node draining");
});

it("asks the database once for all who ask at once, and anew for who asks later", async () => {
  let questions = 0;
  const store = {
    ...node.store,
    trouble: () => {
      questions++;
      return node.store.trouble();
    },
  };
  const health = createHealth({ store, directory: node.directory, draining });
  await Promise.all(Array.from({ length: 1_000 }, () => health.trouble()));
  expect(questions).toBe(1);
  await health.trouble();
  expect(questions).toBe(2);
});

it("is unreachable when the database is gone", async () => {
  await node.database.drop();
  expect(await createHealth({ ...node, draining }).trouble()).toBe("db unreachable");
});
