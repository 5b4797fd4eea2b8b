/**
 * What the statements of idempotency keys cost, beside a plain insert of as many rows of two UUIDs.
 *
 *     npm run build && DATABASE_URL=postgres://… node test/bench/key-statements.mjs [--rounds 200]
 *
 * It makes a database of its own on that server, and runs the statements in turns on one connection, each in a transaction
 * of its own. The table has medians.
 */

import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import pg from "pg";
import { claimKeys, settleKeys } from "../../dist/src/store/postgres/key-statements.js";
import { makeDatabase, startNode } from "./driver/nodes.mjs";
import { median } from "./driver/statistics.mjs";

const { values: options } = parseArgs({ options: { rounds: { type: "string", default: "200" } } });
const database = await makeDatabase();
// A first start makes the tables.
await (await startNode({ DATABASE_URL: database.url })).stop();
const client = new pg.Client({ connectionString: database.url });
await client.connect();
// As the pool of the keys sets them.
await client.query("set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off; set jit = off");
await client.query("set plan_cache_mode = force_generic_plan");
await client.query("create table plain (key uuid primary key, content uuid not null)");
const answer = { id: randomUUID(), sockets: 1, otherNodesReached: true };
let calls = 0;

console.log("| rows in a statement | plain insert | claim | claim and answer |\n| ---: | ---: | ---: | ---: |");
for (const rows of [1, 64]) {
  const took = { insert: [], claim: [], both: [] };
  for (let round = 0; round < 20 + Number(options.rounds); round++) {
    const uses = Array.from({ length: rows }, () => ({
      key: randomUUID(),
      content: randomUUID(),
      call: String(++calls),
    }));
    const columns = [uses.map(({ key }) => key), uses.map(({ content }) => content)];
    const insert = await timed(() =>
      client.query({
        name: "insert",
        text: "insert into plain select * from unnest($1::uuid[], $2::uuid[])",
        values: columns,
      }),
    );
    const claim = await timed(() => client.query(claimKeys(uses)));
    const settle = await timed(() => client.query(settleKeys(uses.map((use) => ({ ...use, answer })))));
    if (round < 20) continue;
    took.insert.push(insert);
    took.claim.push(claim);
    took.both.push(claim + settle);
  }
  const [plain, ...others] = Object.values(took).map(median);
  const cells = others.map((ms) => `${ms.toFixed(2)} ms (${(ms / plain).toFixed(1)})`);
  console.log(`| ${rows} | ${plain.toFixed(2)} ms | ${cells.join(" | ")} |`);
}
await client.end();
await database.drop();
process.exit();

async function timed(work) {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}
