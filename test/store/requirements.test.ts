/** Databases that must not be used are refused with a sentence, and two installs share one in schemas of their own. */

import pg from "pg";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { rotateEncryptionKey } from "../../src/store/postgres/key-rotation.js";
import { createTestDatabase, query, type TestDatabase } from "../support/postgres.js";
import { anyWebsocket, caughtUp, makeInstance, type Node, openReadyNode, silent, testKey } from "../support/store.js";

let database: TestDatabase;
const nodes: Node[] = [];

async function start(url: string): Promise<Node> {
  const node = await openReadyNode(url);
  nodes.push(node);
  return node;
}

function inSchema(path: string): string {
  return `${database.url}?options=${encodeURIComponent(`-csearch_path=${path}`)}`;
}

beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.close()));
  await database.drop();
});

describe("a database", () => {
  it.each(["LATIN1", "SQL_ASCII"])("in %s is refused", async (encoding) => {
    const other = await createTestDatabase(`encoding '${encoding}' template template0 locale 'C' locale_provider libc`);
    try {
      await expect(openReadyNode(other.url)).rejects.toThrow(`The database is encoded in ${encoding}`);
    } finally {
      await other.drop();
    }
  });

  it("without the schema that it is asked for is refused", async () => {
    await expect(openReadyNode(inSchema("nowhere"))).rejects.toThrow("No schema in the search_path nowhere exists");
  });

  it("in which the tables and new tables would be in two schemas is refused", async () => {
    await start(database.url);
    await query(database.url, "create schema two");
    const sentence = "finds the tables of Eventwire in the schema public, and would make new ones in two";
    await expect(openReadyNode(inSchema("two,public"))).rejects.toThrow(sentence);
  });
});

describe("two installs in two schemas of one database", () => {
  it("know nothing of each other, and each is told of its own changes", async () => {
    await query(database.url, 'create schema "Two"');
    const first = [await start(database.url), await start(database.url)] as const;
    const second = [await start(inSchema('"Two"')), await start(inSchema('"Two"'))] as const;
    const heard: string[] = [];
    const listener = await listen(database.url, heard);

    const made = await makeInstance(second[0], "desk");
    await second[0].store.setWebsocket(made.id, anyWebsocket);
    await caughtUp(...second);
    expect(second[1].directory.instanceById(made.id)?.websocket).toMatchObject(anyWebsocket);
    expect(first[0].directory.instanceById(made.id)).toBeUndefined();
    expect(first[0].directory.principal(made.token)).toBeUndefined();
    expect(await first[0].store.listAccounts()).toHaveLength(1);

    await makeInstance(first[0], "desk");
    await caughtUp(...first);
    await listener.end();
    expect(heard.filter((payload) => payload.endsWith(made.id))).toEqual([]);
  });

  it("rotate their keys apart from each other", async () => {
    await query(database.url, "create schema two");
    await start(database.url);
    const second = await start(inSchema("two"));
    const options = {
      databaseUrl: inSchema("two"),
      dataDir: "",
      encryptionKey: testKey,
      newEncryptionKey: Buffer.alloc(32, 8),
      accountInstanceQuota: 0,
      logger: silent,
    };
    await expect(rotateEncryptionKey(options)).rejects.toThrow("One node is connected to the database");
    await second.close();
    expect(await rotateEncryptionKey(options)).toMatchObject({ tokens: 0 });
  });
});

/** What is told on the channel of the install in `public`. */
async function listen(url: string, heard: string[]): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  client.on("notification", ({ payload = "" }) => void heard.push(payload));
  await client.query("listen eventwire");
  return client;
}
