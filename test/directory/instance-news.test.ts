/** What holders of connections to whole accounts hear of the instances that come and go. */

import { expect, it } from "vitest";
import { createMemoryDirectory } from "../../src/directory/memory-directory.js";
import type { DirectoryReader, InstanceRecord } from "../../src/directory/synced-directory.js";
import { hashToken } from "../../src/domain/token.js";
import { silent } from "../support/store.js";

/** A directory that reads what the test puts, and what it tells. */
function stage() {
  const accounts = ["a", "b"].map((id) => ({ id, disconnects: 0, tokenHash: hashToken(id) }));
  const instances = new Map<string, InstanceRecord>();
  const reader: DirectoryReader = {
    async *readAll() {
      yield { accounts, instances: [...instances.values()] };
    },
    open: (sealed) => Buffer.from(sealed).toString(),
    readAccount: async (wanted) => accounts.find(({ id }) => id === wanted),
    readInstance: async (id) => instances.get(id),
  };
  const put = (id: string, accountId: string, name: string, disconnects = 0) => {
    const token = `token of ${id}`;
    const record = {
      id,
      accountId,
      name,
      disconnects,
      sealed: Buffer.from(token),
      tokenHash: hashToken(token),
      websocket: undefined,
    };
    instances.set(id, record);
  };
  const heard: string[] = [];
  const directory = createMemoryDirectory({ logger: silent });
  directory.listen({
    instanceChanged: () => {},
    principalRevoked: () => {},
    consumersDisconnected: ({ kind, id, accountId }) =>
      void heard.push(`disconnected the ${kind} ${id}${kind === "account" ? "" : ` of ${accountId}`}`),
    instanceCreated(id, accountId) {
      heard.push(`created ${directory.instanceById(id)?.instance.name} of ${accountId}`);
    },
    instanceDeleted: (_, { accountId, name, nameTaken }) =>
      void heard.push(`deleted ${name} of ${accountId}${nameTaken ? ", which another one has" : ""}`),
  });

  return { directory, reader, heard, accounts, instances, put };
}

it("tells of each instance that is created or deleted after the first reading, with its account", async () => {
  const { directory, reader, heard, instances, put } = stage();
  put("1", "a", "first");
  await directory.reload(reader);
  expect(heard).toEqual([]);
  put("2", "a", "second");
  await directory.refresh(reader, { kind: "instance", id: "2" });
  put("3", "b", "third");
  await directory.reload(reader);
  instances.delete("2");
  await directory.refresh(reader, { kind: "instance", id: "2" });
  instances.delete("3");
  put("4", "b", "third");
  await directory.reload(reader);
  expect(heard).toEqual([
    ...["created second of a", "created third of b", "deleted second of a"],
    ...["created third of b", "deleted third of b, which another one has"],
  ]);
});

it("tells of disconnected consumers once, and not of what a start finds or of a new instance", async () => {
  const { directory, reader, heard, accounts, put } = stage();
  const count = (id: string, disconnects: number) =>
    Object.assign(accounts.find((found) => found.id === id) ?? {}, { disconnects });
  count("a", 3);
  put("1", "a", "first", 3);
  await directory.reload(reader);
  put("2", "a", "second", 3);
  await directory.refresh(reader, { kind: "instance", id: "2" });
  expect(heard.splice(0)).toEqual(["created second of a"]);

  put("1", "a", "first", 4);
  for (let n = 0; n < 2; n++) await directory.refresh(reader, { kind: "instance", id: "1" });
  count("b", 1);
  for (let n = 0; n < 2; n++) await directory.refresh(reader, { kind: "account", id: "b" });
  expect(heard.splice(0)).toEqual(["disconnected the instance 1 of a", "disconnected the account b"]);

  // The notifications of these did not arrive.
  count("a", 4);
  put("2", "a", "second", 5);
  for (let n = 0; n < 2; n++) await directory.reload(reader);
  expect(heard).toEqual(["disconnected the account a", "disconnected the instance 2 of a"]);
});
