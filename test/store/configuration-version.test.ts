/** The database counts the changes of each channel configuration, whichever release of the service makes them. */

import { afterEach, beforeEach, expect, it } from "vitest";
import { createTestDatabase, query, type TestDatabase } from "../support/postgres.js";
import { anyWebsocket, caughtUp, makeInstance, type Node, openReadyNode } from "../support/store.js";

let database: TestDatabase;
let nodes: Node[];
beforeEach(async () => {
  database = await createTestDatabase();
  nodes = [];
});
afterEach(async () => {
  for (const node of nodes) await node.close();
  await database.drop();
});

async function openOne(): Promise<Node> {
  const node = await openReadyNode(database.url);
  nodes.push(node);
  return node;
}

/** The version that a node knows after everything that `writer` has committed. */
async function versionAt(node: Node, id: string, writer = node): Promise<number | undefined> {
  await caughtUp(writer, node);
  return node.directory.instanceById(id)?.websocket?.version;
}

/** The statement with which release 0.1.0 stores a configuration. That release knows no version. */
function storeAsOlderRelease(id: string, events: string): Promise<unknown> {
  return query(
    database.url,
    `insert into websocket (instance_id, enabled, events, media_base64, updated_at)
     values ($1, true, $2, false, now())
     on conflict (instance_id) do update set enabled = true, events = $2, media_base64 = false, updated_at = now()`,
    [id, events],
  );
}

it("begins with 1 and grows with each change, on all nodes, but not when the same values are stored", async () => {
  const [a, b] = [await openOne(), await openOne()];
  const { id } = await makeInstance(a, "desk");
  expect(await versionAt(b, id, a)).toBeUndefined();
  await a.store.setWebsocket(id, anyWebsocket);
  expect(await versionAt(b, id, a)).toBe(1);
  await a.store.setWebsocket(id, anyWebsocket);
  expect(await versionAt(b, id, a)).toBe(1);
  await b.store.setWebsocket(id, { ...anyWebsocket, mediaBase64: true });
  await b.store.setWebsocket(id, { enabled: false, events: [], mediaBase64: false });
  expect(await versionAt(a, id, b)).toBe(3);
  await a.store.setWebsocket(id, { ...anyWebsocket, events: ["call.update", "label.update"] });
  await a.store.setWebsocket(id, { ...anyWebsocket, events: ["label.update", "call.update"] });
  expect(await versionAt(a, id)).toBe(5);
  expect(await versionAt(await openOne(), id)).toBe(5);
});

it("counts every one of the changes that come at the same time", async () => {
  const [a, b] = [await openOne(), await openOne()];
  const { id } = await makeInstance(a, "contested");
  await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      (i % 2 === 0 ? a : b).store.setWebsocket(id, { ...anyWebsocket, events: Array(i).fill("call.update") }),
    ),
  );
  expect(await versionAt(a, id, b)).toBe(20);
});

it("begins anew for an instance that was deleted and created again", async () => {
  const node = await openOne();
  const { id, accountId, name } = await makeInstance(node, "desk");
  for (const mediaBase64 of [true, false]) await node.store.setWebsocket(id, { ...anyWebsocket, mediaBase64 });
  expect(await versionAt(node, id)).toBe(2);
  await node.store.deleteInstance(id);
  const again = await node.store.createInstance({ accountId, name, websocket: anyWebsocket });
  expect(await versionAt(node, again.id)).toBe(1);
});

it("takes over the database of an older release, and counts what its nodes go on to store", async () => {
  const before = await openOne();
  const [known, fresh] = [await makeInstance(before, "known"), await makeInstance(before, "fresh")];
  await query(
    database.url,
    `drop function count_websocket_change cascade;
     alter table websocket drop column version;
     delete from kysely_migration where name = '0006_websocket_version'`,
  );
  await storeAsOlderRelease(known.id, "{call.update}");

  const node = await openOne();
  expect(await versionAt(node, known.id)).toBe(1);
  await storeAsOlderRelease(known.id, "{call.update}");
  await storeAsOlderRelease(known.id, "{label.update}");
  await storeAsOlderRelease(fresh.id, "{label.update}");
  await storeAsOlderRelease(fresh.id, "{}");
  const { rows } = await query(
    database.url,
    "select version from websocket where instance_id = any($1) order by instance_id = $2",
    [[known.id, fresh.id], fresh.id],
  );
  expect(rows).toEqual([{ version: 2 }, { version: 2 }]);
  await node.store.setWebsocket(known.id, anyWebsocket);
  expect(await versionAt(node, known.id)).toBe(3);
});
