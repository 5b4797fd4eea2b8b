/** What holders of connections to whole accounts hear of the instances that come and go. */

import { expect, it } from "vitest";
import { createMemoryDirectory } from "../../src/directory/memory-directory.js";
import type { DirectoryReader, InstanceRecord } from "../../src/directory/synced-directory.js";
import { hashToken } from "../../src/domain/token.js";
import { silent } from "../support/store.js";

it("tells of each instance that is created or deleted after the first reading, with its account", async () => {
  const accounts = ["a", "b"].map((id) => ({ id, tokenHash: hashToken(id) }));
  const instances = new Map<string, InstanceRecord>();
  const reader: DirectoryReader = {
    async *readAll() {
      yield { accounts, instances: [...instances.values()] };
    },
    open: (sealed) => Buffer.from(sealed).toString(),
    readAccount: async (wanted) => accounts.find(({ id }) => id === wanted),
    readInstance: async (id) => instances.get(id),
  };
  const put = (id: string, accountId: string, name: string) => {
    const token = `token of ${id}`;
    const record = {
      id,
      accountId,
      name,
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
    instanceCreated(id, accountId) {
      heard.push(`created ${directory.instanceById(id)?.instance.name} of ${accountId}`);
    },
    instanceDeleted: (_, { accountId, name, nameTaken }) =>
      void heard.push(`deleted ${name} of ${accountId}${nameTaken ? ", which another one has" : ""}`),
  });

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
