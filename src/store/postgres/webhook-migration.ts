/** The tables of webhooks and of their queue. */

import { type Migration, sql } from "kysely";

export const webhookMigration: Migration = {
  async up(db) {
    await sql`
      create table webhook (
        id bigint generated always as identity primary key,
        instance_id uuid not null constraint webhook_instance references instance on delete cascade,
        label text not null,
        enabled boolean not null,
        url text not null,
        authorization_sealed bytea,
        by_events boolean not null,
        events text[] not null,
        media_base64 boolean not null,
        secret_sealed bytea,
        previous_secret_sealed bytea,
        previous_secret_until timestamptz,
        ordered boolean not null,
        timeout_seconds integer not null,
        disabled_reason text,
        version integer not null default 1,
        updated_at timestamptz not null default now(),
        constraint webhook_label unique (instance_id, label)
      )`.execute(db);
    // Appends to one webhook wait for each other at its row here. The row outlives the webhook until its deliveries are
    // gone. Room in each page keeps the updates of the row from touching an index.
    await sql`
      create table webhook_queue (
        webhook_id bigint primary key,
        appended bigint not null default 0,
        appended_bytes bigint not null default 0,
        owner uuid
      ) with (fillfactor = 40)`.execute(db);
    // Only the node that works a webhook writes the progress, so it never waits for a producer.
    await sql`
      create table webhook_progress (
        webhook_id bigint primary key,
        finished bigint not null default 0,
        finished_bytes bigint not null default 0,
        dead bigint not null default 0,
        failing_since timestamptz,
        paused_until timestamptz,
        pauses integer not null default 0
      ) with (fillfactor = 40)`.execute(db);
    await sql`create table webhook_node (id uuid primary key, seen_at timestamptz not null)`.execute(db);
    await sql`
      create table webhook_event (
        id uuid primary key,
        instance_id uuid not null,
        type text not null,
        accepted_at timestamptz not null,
        data bytea not null,
        media bytea,
        media_at integer,
        slot text,
        deliveries smallint not null,
        open smallint not null
      )`.execute(db);
    // Compression would take longer than all other work on an event. Media is compressed already.
    await sql`
      alter table webhook_event alter column data set storage external, alter column media set storage external`.execute(
      db,
    );
    await sql`create index webhook_event_done on webhook_event (id) where open <= 0`.execute(db);
    await sql`
      create table webhook_delivery (
        webhook_id bigint not null,
        number bigint not null,
        event_id uuid not null,
        type text not null,
        bytes integer not null,
        state smallint not null default 0,
        attempts integer not null default 0,
        accepted_at timestamptz not null,
        first_at timestamptz,
        due_at timestamptz,
        tried_at timestamptz,
        ended_at timestamptz,
        status integer,
        ms integer,
        error text,
        response text,
        primary key (webhook_id, number)
      )`.execute(db);
    await sql`
      create index webhook_delivery_waiting on webhook_delivery (webhook_id, number) where state = 0`.execute(db);
    await sql`
      create index webhook_delivery_due on webhook_delivery (webhook_id, due_at)
      where state = 0 and due_at is not null`.execute(db);
    await sql`create index webhook_delivery_dead on webhook_delivery (webhook_id, number) where state = 2`.execute(db);
    await sql`
      create table webhook_attempt (
        webhook_id bigint not null,
        number bigint not null,
        attempt integer not null,
        tried_at timestamptz not null,
        status integer,
        ms integer not null,
        error text,
        response text,
        primary key (webhook_id, number, attempt)
      )`.execute(db);
    // A queue has few rows when its receivers answer, and many changes.
    for (const table of ["webhook_queue", "webhook_progress", "webhook_event", "webhook_delivery"]) {
      await sql`
        alter table ${sql.table(table)} set (
          autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.5)`.execute(db);
    }
  },
};
