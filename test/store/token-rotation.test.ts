/** Tokens that are replaced: at once, or with a time in which the old one still works. */

import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { createTestDatabase, query, type TestDatabase } from "../support/postgres.js";
import { endGraces } from "../support/retiring-tokens.js";
import { caughtUp, makeInstance, type Node, openReadyNode } from "../support/store.js";

let database: TestDatabase;
let node: Node;
const hour = 3_600_000;

beforeAll(async () => {
  database = await createTestDatabase();
  node = await openReadyNode(database.url);
});
afterAll(async () => {
  await node?.close();
  await database?.drop();
});

let count = 0;
async function make() {
  const made = await makeInstance(node, `desk-${++count}`);
  return { ...made, rotations: rotationsOf(made) };
}

/** Of either kind of token: which one, how it is replaced, what is told of its end. */
function rotationsOf(made: Awaited<ReturnType<typeof makeInstance>>) {
  return {
    account: {
      token: made.accountToken,
      rotate: (graceMs?: number, on: Node = node) => on.store.rotateAccountToken(made.accountId, graceMs),
      revoked: `revoked account ${made.accountId}`,
    },
    instance: {
      token: made.token,
      rotate: (graceMs?: number, on: Node = node) => on.store.rotateInstanceToken(made.id, graceMs),
      revoked: `revoked instance ${made.id}`,
    },
  };
}

describe.each(["account", "instance"] as const)("the token of an %s", (kind) => {
  it("ends at once when no time is given", async () => {
    const { token, rotate, revoked } = (await make()).rotations[kind];
    const old = node.directory.principal(token);
    const next = (await rotate()) as string;
    expect(node.directory.principal(token)).toBeUndefined();
    expect(old?.revoked).toBe(true);
    expect(node.news.all).toContain(revoked);
    expect(node.directory.principal(next)).toMatchObject({ kind, id: old?.id, revoked: false });
  });

  it("works for its time, as the same principal, beside the new one", async () => {
    const { token, rotate, revoked } = (await make()).rotations[kind];
    const old = node.directory.principal(token);
    const next = (await rotate(hour)) as string;
    expect(node.directory.principal(token)).toBe(old);
    expect(old?.revoked).toBe(false);
    expect(node.directory.principal(next)).not.toBe(old);
    expect(node.news.all).not.toContain(revoked);
  });

  it("ends after its time on every node, on one that starts meanwhile too", async () => {
    const { token, rotate, revoked } = (await make()).rotations[kind];
    await rotate(hour);
    const late = await openReadyNode(database.url);
    onTestFinished(() => late.close());
    const old = late.directory.principal(token);
    expect(old).toMatchObject({ kind, revoked: false });
    await endGraces(database.url);
    await Promise.all([late.news.heard(revoked), node.news.heard(revoked)]);
    expect(old?.revoked).toBe(true);
    expect(late.directory.principal(token)).toBeUndefined();
    expect(node.directory.principal(token)).toBeUndefined();
  });

  it("ends by itself, without news from the database", async () => {
    const { token, rotate, revoked } = (await make()).rotations[kind];
    await rotate(300);
    await node.news.heard(revoked);
    expect(node.directory.principal(token)).toBeUndefined();
  });

  it("keeps its end when the next one is replaced with a time, and ends with all others without", async () => {
    const { token: first, rotate } = (await make()).rotations[kind];
    const second = (await rotate(hour)) as string;
    const third = (await rotate(hour)) as string;
    for (const token of [first, second, third]) expect(node.directory.principal(token)?.kind).toBe(kind);
    const fourth = (await rotate()) as string;
    for (const token of [first, second, third]) expect(node.directory.principal(token)).toBeUndefined();
    expect(node.directory.principal(fourth)?.kind).toBe(kind);
  });

  it("is nobody else's until its end", async () => {
    const { rotations, accountId } = await make();
    const { token, rotate } = rotations[kind];
    await rotate(hour);
    await expect(node.store.createInstance({ accountId, name: "thief", token })).rejects.toMatchObject({
      reason: "TOKEN_IN_USE",
    });
    await expect(node.store.createAccount({ name: "thief", token })).rejects.toMatchObject({ reason: "TOKEN_IN_USE" });
    await rotate();
    await node.store.createInstance({ accountId, name: "heir", token });
    expect(node.directory.principal(token)).toMatchObject({ kind: "instance", accountId });
  });

  it("ends with its account, whatever time it has left", async () => {
    const { rotations, accountId } = await make();
    const { token, rotate } = rotations[kind];
    const old = node.directory.principal(token);
    await rotate(hour);
    await node.store.revokeAccount(accountId);
    expect(node.directory.principal(token)).toBeUndefined();
    expect(old?.revoked).toBe(true);
    expect(node.news.revoked).toContain(old);
  });

  it("is the same principal for a node that reads everything anew", async () => {
    const { token, rotate } = (await make()).rotations[kind];
    await rotate(hour);
    const old = node.directory.principal(token);
    const cut =
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'eventwire changes%'";
    await query(database.url, `${cut} and datname = current_database()`);
    await caughtUp(node, node);
    expect(node.directory.principal(token)).toBe(old);
    expect(old?.revoked).toBe(false);
  });
});

it("of an instance stands in its entry at once, whatever time the old one has", async () => {
  const { id, rotations } = await make();
  const next = await rotations.instance.rotate(hour);
  expect(node.directory.instanceById(id)?.instance.token).toBe(next);
  await node.store.deleteInstance(id);
  expect(node.directory.principal(rotations.instance.token)).toBeUndefined();
  const { rows } = await query(database.url, "select from retiring_token where instance_id = $1", [id]);
  expect(rows).toEqual([]);
});

it("leaves no ended tokens in the database", async () => {
  const { rotations } = await make();
  await rotations.account.rotate(1);
  await (await make()).rotations.account.rotate();
  const { rows } = await query(database.url, "select from retiring_token where ends_at <= now()");
  expect(rows).toEqual([]);
});

it.each(["00000000-0000-4000-8000-000000000000", "nonsense"])(
  "is not replaced for an unknown owner: %s",
  async (id) => {
    expect(await node.store.rotateAccountToken(id, hour)).toBeUndefined();
    expect(await node.store.rotateInstanceToken(id, hour)).toBeUndefined();
  },
);
