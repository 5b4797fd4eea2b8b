/**
 * The table of "Going on after a position" in docs/CONSUMING.md: what becomes of an event when a consumer fails while it works on the
 * event, by what the consumer stores. The consumers store in a real database.
 */

import { readFileSync } from "node:fs";
import { Client } from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.js";
import { type PublicServer, startPublicServer } from "../../support/public-server.js";
import { openV1 } from "../../support/v1-consumer.js";

let server: PublicServer;
let database: TestDatabase;
let client: Client;
let instances = 0;

beforeAll(async () => {
  server = await startPublicServer();
  database = await createTestDatabase();
  client = new Client({ connectionString: database.url });
  await client.connect();
  await client.query("CREATE TABLE place (position text NOT NULL)");
  await client.query("CREATE TABLE work (n integer NOT NULL)");
  await client.query("CREATE TABLE known (id uuid PRIMARY KEY)");
});
afterAll(async () => {
  await client.end();
  await server.close();
  await database.drop();
});

interface Event {
  readonly id: string;
  readonly position: string;
  readonly data: { readonly n: number };
}

/** What a consumer does with an event. `fail` ends the consumer, the first time that it comes to the second event. */
type Work = (event: Event, fail: () => void) => Promise<void>;

class Failed extends Error {}

const begin = () => client.query("BEGIN");
const commit = () => client.query("COMMIT");
const work = ({ data }: Event) => client.query("INSERT INTO work VALUES ($1)", [data.n]);
const store = async ({ position }: Event) => {
  await client.query("DELETE FROM place");
  await client.query("INSERT INTO place VALUES ($1)", [position]);
};

const rows: readonly (readonly [stores: string, works: Work, done: readonly number[]])[] = [
  [
    "nothing",
    async (event, fail) => {
      fail();
      await work(event);
    },
    [1, 3],
  ],
  [
    "`position`, before the work",
    async (event, fail) => {
      await store(event);
      fail();
      await work(event);
    },
    [1, 3],
  ],
  [
    "`position`, after the work",
    async (event, fail) => {
      await work(event);
      fail();
      await store(event);
    },
    [1, 2, 2, 3],
  ],
  [
    "`position` and the result of the work, in one transaction",
    async (event, fail) => {
      await begin();
      await work(event);
      fail();
      await store(event);
      await commit();
    },
    [1, 2, 3],
  ],
  [
    "`id`, in a unique column, in one transaction with the result",
    async (event, fail) => {
      await begin();
      const { rowCount } = await client.query("INSERT INTO known VALUES ($1) ON CONFLICT DO NOTHING", [event.id]);
      if (rowCount === 1) await work(event);
      await commit();
      fail();
      await store(event);
    },
    [1, 2, 3],
  ],
];

it.each(rows)("a consumer that stores %s", async (_, works, done) => {
  await client.query("TRUNCATE place, work, known");
  const name = `desk-${++instances}`;
  await server.createInstance(name, `token-of-${name}`, { enabled: true });
  const publish = (n: number) =>
    server.call("POST", `/api/events/publish/${name}`, { event: "call.update", data: { n } });
  let failures = 0;

  /** Runs a consumer until it has worked off the last event, or has failed. */
  async function consume(ready: () => Promise<unknown>): Promise<void> {
    const stored = await client.query("SELECT position FROM place");
    const after = stored.rows.length === 0 ? "" : `&after=${stored.rows[0].position}`;
    const consumer = await openV1(server.url, `/ws/${name}?token=token-of-${name}${after}`);
    expect((await consumer.frame()).resumed).toBe(after === "" ? null : true);
    await ready();
    try {
      for (let n = 0; n !== 3; ) {
        const event = (await consumer.frame()) as unknown as Event;
        ({ n } = event.data);
        await works(event, () => {
          if (n === 2 && failures++ === 0) throw new Failed();
        });
      }
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      await client.query("ROLLBACK");
    } finally {
      consumer.socket.terminate();
    }
  }

  await consume(async () => {
    await publish(1);
    await publish(2);
  });
  await consume(() => publish(3));
  expect(failures).toBeGreaterThan(0);
  expect((await client.query("SELECT n FROM work ORDER BY n")).rows.map(({ n }) => n)).toEqual(done);
});

it("the page has these rows and no others", () => {
  const [, section = ""] = readFileSync("docs/CONSUMING.md", "utf8").split("## Going on after a position\n");
  const [, table = ""] = (section.split("\n## ")[0] ?? "").split("| you store |");
  const first = [...table.matchAll(/^\| ([^|]+) \|/gm)].map(([, cell]) => cell).filter((cell) => cell !== "---");
  expect(first).toEqual(rows.map(([stores]) => stores));
});
