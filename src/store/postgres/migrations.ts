/**
 * Brings the tables of the database to the schema of this release. Several nodes may migrate at once: one runs the
 * migrations, and the others wait for it.
 */

import { type Kysely, type Migration, Migrator, sql } from "kysely";
import { webhookMigration } from "./webhook-migration.js";

/**
 * All migrations; they run in the order of their names. During a rolling upgrade, nodes of the previous release use the
 * same database. So a migration may only add tables, columns that are nullable or have a default, and triggers that fill
 * such columns when a node of the previous release writes a row.
 */
export const migrations: Record<string, Migration> = {
  "0001_accounts_and_instances": {
    async up(db) {
      await sql`
        create table account (
          id uuid primary key,
          name text not null,
          is_default boolean not null default false,
          created_at timestamptz not null default now(),
          revoked_at timestamptz
        )`.execute(db);
      await sql`
        create unique index account_default on account (is_default) where is_default and revoked_at is null`.execute(
        db,
      );
      await sql`
        create table instance (
          id uuid primary key,
          account_id uuid not null references account on delete cascade,
          name text not null,
          token_sealed bytea not null,
          status text not null default 'disconnected',
          created_at timestamptz not null default now(),
          seq bigint generated always as identity,
          constraint instance_name unique (account_id, name)
        )`.execute(db);
      await sql`
        create table token (
          hash bytea constraint token_hash primary key,
          account_id uuid not null references account on delete cascade,
          instance_id uuid unique references instance on delete cascade
        )`.execute(db);
      await sql`create unique index token_account on token (account_id) where instance_id is null`.execute(db);
      await sql`
        create table websocket (
          instance_id uuid primary key constraint websocket_instance references instance on delete cascade,
          enabled boolean not null,
          events text[] not null,
          media_base64 boolean not null,
          updated_at timestamptz not null default now()
        )`.execute(db);
      await sql`create table key_check (id int primary key, sealed bytea not null)`.execute(db);
    },
  },
  "0002_rate_counters": {
    async up(db) {
      // The table has the columns that rate-limiter-flexible uses. It is unlogged, so a count waits for no disk. A
      // crash of the database loses the counts of one minute at most.
      await sql`
        create unlogged table rate_counter (
          key text primary key,
          points integer not null,
          expire bigint
        )`.execute(db);
    },
  },
  "0003_instance_list": {
    async up(db) {
      await sql`alter table instance add column number_jid text`.execute(db);
      await sql`create index instance_order on instance (account_id, created_at, seq)`.execute(db);
    },
  },
  "0004_retiring_tokens": {
    async up(db) {
      await sql`
        create table retiring_token (
          hash bytea primary key,
          account_id uuid not null references account on delete cascade,
          instance_id uuid references instance on delete cascade,
          ends_at timestamptz not null
        )`.execute(db);
      await sql`create index retiring_token_account on retiring_token (account_id)`.execute(db);
      await sql`create index retiring_token_instance on retiring_token (instance_id)`.execute(db);
    },
  },
  "0005_write_probe": {
    async up(db) {
      await sql`create table write_probe (id int primary key, filler bytea)`.execute(db);
    },
  },
  "0006_websocket_version": {
    async up(db) {
      // A trigger counts the changes, because a node of an older release changes a configuration and does not know the
      // column.
      await sql`alter table websocket add column version integer not null default 1`.execute(db);
      await sql`
        create function count_websocket_change() returns trigger language plpgsql as $$
        begin
          new.version := old.version;
          if (new.enabled, new.events, new.media_base64) is distinct from (old.enabled, old.events, old.media_base64)
          then
            new.version := old.version + 1;
          end if;
          return new;
        end $$`.execute(db);
      await sql`
        create trigger websocket_change before update on websocket
        for each row execute function count_websocket_change()`.execute(db);
    },
  },
  "0007_disconnects": {
    async up(db) {
      for (const table of ["account", "instance"])
        await sql`alter table ${sql.table(table)} add column disconnects integer not null default 0`.execute(db);
    },
  },
  "0009_webhooks": webhookMigration,
  "0010_tickets": {
    async up(db) {
      // The table is unlogged, so a ticket waits for no disk. A crash of the database loses the unused tickets. In a
      // logged table a crash or a failover could lose a removal in place of that, and a used ticket would be valid again.
      await sql`
        create unlogged table ticket (
          hash bytea primary key,
          token_hash bytea not null,
          instance_id uuid,
          events text[] not null,
          ends_at timestamptz not null
        )`.execute(db);
      await sql`create index ticket_end on ticket (ends_at)`.execute(db);
    },
  },
  "0011_idempotency_keys": {
    async up(db) {
      // The columns stand in the order in which they need no gaps. `key-statements.ts` says what the parts are for.
      await sql`
        create table idempotency_key (
          claimed_at timestamptz not null,
          call bigint not null,
          period integer not null,
          sockets integer,
          key uuid not null,
          content uuid not null,
          id uuid,
          part smallint not null,
          other_nodes_reached boolean,
          primary key (key, period, part)
        ) partition by list (part)`.execute(db);
      for (const part of [0, 1, 2, 3])
        await sql
          .raw(`create table idempotency_key_${part} partition of idempotency_key for values in (${part})`)
          .execute(db);
    },
  },
  "0014_key_positions": {
    async up(db) {
      await sql`alter table idempotency_key add column position text, add column webhooks integer`.execute(db);
    },
  },
};

/**
 * Runs the migrations that the database lacks. Rejects when one of them fails. Does nothing in a database of a newer
 * release.
 */
export async function migrate(db: Kysely<unknown>): Promise<void> {
  const schema = await sql<{ name: string }>`select current_schema() as name`.execute(db);
  const migrator = new Migrator({
    db,
    // The schema is named because kysely would otherwise take the tables of an installation in another schema for ours.
    ...(schema.rows[0] && { migrationTableSchema: schema.rows[0].name }),
    // A database may have run a later migration before an earlier one, when two branches of the code were joined. That
    // does no harm, because migrations only add.
    allowUnorderedMigrations: true,
    provider: { getMigrations: async () => ({ ...(await newer(db)), ...migrations }) },
  });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
}

/**
 * Gives kysely the names of all migrations that the database has run, with nothing to do for each. Otherwise kysely
 * would take the migrations of a newer release, which this release does not have, for a corruption.
 */
async function newer(db: Kysely<unknown>): Promise<Record<string, Migration>> {
  const { rows } = await sql<{ name: string }>`select name from kysely_migration`.execute(db);
  return Object.fromEntries(rows.map(({ name }) => [name, { up: async () => {} }]));
}
