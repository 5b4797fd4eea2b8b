/**
 * A database whose clock a test moves. PostgreSQL finds `statement_timestamp` of the schema `clock` before its own, so
 * the statements of a node take the moved time.
 */

import { createTestDatabase, query, type TestDatabase } from "./postgres.js";

export interface MovedClock extends TestDatabase {
  /** Moves the clock to so many seconds after the begin of a period of twelve hours; `periods` further periods on. */
  moveTo(secondsInPeriod: number, periods?: number): Promise<void>;
}

export async function createMovedClock(): Promise<MovedClock> {
  const database = await createTestDatabase();
  const { url } = database;
  await query(
    url,
    `create schema clock;
    create table clock.moved (at timestamptz not null);
    insert into clock.moved values (now());
    create function clock.statement_timestamp() returns timestamptz language sql stable as
      'select at from clock.moved';
    do $$ begin execute format('alter database %I set search_path = clock, pg_catalog, public', current_database()); end $$`,
  );
  return {
    ...database,
    async moveTo(seconds, periods = 0) {
      const begin = 43_200 * (Math.floor(Date.now() / 43_200_000) + periods);
      await query(url, "update clock.moved set at = to_timestamp($1)", [begin + seconds]);
    },
  };
}
