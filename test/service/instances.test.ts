/** Finding and listing instances. */

import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Principal } from "../../src/domain/instance.js";
import { createInstanceStatus } from "../../src/service/instance-status.js";
import { createInstances, type Instances } from "../../src/service/instances.js";
import { type ServiceNode, startServiceNode } from "../support/service-node.js";

let node: ServiceNode;
let account: Principal;
let instances: Instances;
const status = () => createInstanceStatus({ store: node.store, logger: pino({ level: "silent" }) });
beforeAll(async () => {
  node = await startServiceNode();
  account = node.directory.principal(node.token) as Principal;
  instances = createInstances({ store: node.store, status: status(), tokenLengthMin: 8 });
  const { accountId } = account;
  for (const name of ["one", "two", "three"]) await instances.create({ accountId, name, token: `token-${name}` });
});
afterAll(() => node.close());

async function names(asked: string[], principal = account): Promise<string[]> {
  const { listings } = await instances.list(principal, { names: asked, cursor: "" });
  return listings.map(({ instance }) => instance.name);
}

describe("a token that was chosen", () => {
  const create = (name: string, token: string) => instances.create({ accountId: account.accountId, name, token });

  it("is refused with its rule when it is so short that it can be guessed, whether it is in use or not", async () => {
    await create("four", "12345678");
    for (const token of ["1", "1234567"])
      await expect(create("five", token)).rejects.toMatchObject({
        reason: "INVALID_REQUEST_BODY",
        field: "token",
        rule: "It must have at least 8 characters.",
      });
    const { id } = await node.store.createInstance({ accountId: account.accountId, name: "older", token: "7" });
    await expect(create("five", "7")).rejects.toMatchObject({ reason: "INVALID_REQUEST_BODY" });
    expect(node.directory.principal("7")?.id).toBe(id);
    for (const name of ["four", "older"]) {
      const found = await instances.find(account.accountId, name);
      await instances.delete(found?.id as string);
    }
  });
});

describe("the list", () => {
  it("has all instances of the account, oldest first", async () => {
    expect(await names([])).toEqual(["one", "two", "three"]);
  });

  it("has those that were asked for, known ones and once", async () => {
    expect(await names(["three", "one", "one"])).toEqual(["one", "three"]);
    expect(await names(["three", "unknown"])).toEqual(["three"]);
    expect(await names(["unknown", "other"])).toEqual([]);
    expect(await names(["One", "a\0b"])).toEqual([]);
  });

  it.each(["unknown", "One", "a\0b", "x".repeat(10_000)])("refuses the single unknown name %j", async (name) => {
    await expect(names([name])).rejects.toMatchObject({ reason: "INSTANCE_NOT_FOUND" });
    await expect(names([name, name])).rejects.toMatchObject({ reason: "INSTANCE_NOT_FOUND" });
  });

  it("shows an instance itself, whatever it asks for", async () => {
    const own = node.directory.principal("token-two") as Principal;
    expect(await names([], own)).toEqual(["two"]);
    expect(await names(["one"], own)).toEqual(["two"]);
    expect(await names(["unknown"], own)).toEqual(["two"]);
  });

  it("has nothing of another account", async () => {
    const { token } = await node.store.createAccount({ name: "other" });
    const other = node.directory.principal(token) as Principal;
    expect(await names([], other)).toEqual([]);
    await expect(names(["one"], other)).rejects.toMatchObject({ reason: "INSTANCE_NOT_FOUND" });
  });
});

describe("finding", () => {
  it("knows names exactly", async () => {
    expect(await instances.find(account.accountId, "one")).toMatchObject({ name: "one" });
    for (const name of ["One", " one", "one ", "", "on", "a\0b", "x".repeat(10_000)])
      expect(await instances.find(account.accountId, name)).toBeUndefined();
  });
});

describe("deleting", () => {
  it("says so when the instance was gone already", async () => {
    const { id } = await instances.create({ accountId: account.accountId, name: "short-lived" });
    await instances.delete(id);
    await expect(instances.delete(id)).rejects.toMatchObject({ reason: "INSTANCE_NOT_FOUND" });
  });
});
