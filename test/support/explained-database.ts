/** A database that explains each statement before it runs: what PostgreSQL reads for it, table by table. */

import { Kysely, PostgresDialect, type PostgresPoolClient } from "kysely";
import pg from "pg";
import { onTestFinished } from "vitest";
import type { Schema } from "../../src/store/postgres/schema.js";

/** What one part of a plan read. */
export interface Read {
  /** A table, or a part of the statement itself: `changed` for `with changed as (…)`. */
  readonly table: string;
  /** `Seq Scan`, `Index Scan` and so on. */
  readonly how: string;
  readonly index: string | undefined;
  /** Number of rows that PostgreSQL looked at, also those that it then left out. */
  readonly rows: number;
}

export interface ExplainedDatabase {
  readonly db: Kysely<Schema>;
  /** What the statements have read since the last call. */
  taken(): Read[];
}

/** Ends with its test. */
export function openExplained(url: string): ExplainedDatabase {
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  let reads: Read[] = [];
  async function explain(client: pg.PoolClient, statement: string, parameters: unknown[]): Promise<void> {
    await client.query("savepoint explained");
    const explained = `explain (analyze, timing off, format json) ${statement}`;
    const { rows } = await client.query(explained, parameters);
    await client.query("rollback to savepoint explained");
    walk(rows[0]["QUERY PLAN"][0].Plan, reads);
  }
  async function connect(): Promise<PostgresPoolClient> {
    const client = await pool.connect();
    let within = false;
    return {
      async query(statement: string, parameters: unknown[] = []) {
        if (/^(begin|start transaction|commit|rollback)/i.test(statement)) {
          within = /^(begin|start)/i.test(statement);
          return client.query(statement);
        }
        if (!within) await client.query("begin");
        await explain(client, statement, parameters);
        const result = await client.query(statement, parameters);
        if (!within) await client.query("commit");
        return result;
      },
      release: () => client.release(),
    } as unknown as PostgresPoolClient;
  }
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool: { connect, end: () => pool.end() } }) });
  onTestFinished(() => db.destroy());
  return {
    db,
    taken() {
      const taken = reads;
      reads = [];
      return taken;
    },
  };
}

interface Plan {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "CTE Name"?: string;
  readonly "Index Name"?: string;
  readonly "Actual Rows": number;
  readonly "Actual Loops": number;
  readonly "Rows Removed by Filter"?: number;
  readonly "Rows Removed by Index Recheck"?: number;
  readonly Plans?: readonly Plan[];
}

function walk(plan: Plan, reads: Read[]): void {
  const table = plan["Relation Name"] ?? plan["CTE Name"];
  const how = plan["Node Type"];
  if (table !== undefined && how !== "ModifyTable") {
    const out = (plan["Rows Removed by Filter"] ?? 0) + (plan["Rows Removed by Index Recheck"] ?? 0);
    reads.push({ table, how, index: plan["Index Name"], rows: (plan["Actual Rows"] + out) * plan["Actual Loops"] });
  }
  for (const part of plan.Plans ?? []) walk(part, reads);
}
