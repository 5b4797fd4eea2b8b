/**
 * The role with which Eventwire uses its embedded PostgreSQL. The role owns the database and its tables, and is no
 * superuser.
 */

import type { ClientBase } from "pg";

export const serviceRole = "eventwire_service";

const roleLock = 1_702_258_294;

/**
 * Creates the role of the service when it is missing, and sets its rights and its password. `superuser` is a session of
 * the superuser. Tables and views in the schema `public` that belong to another role, as those of an older release do,
 * become the property of the role.
 */
export async function makeServiceRole(superuser: ClientBase, password: string): Promise<void> {
  await superuser.query("begin");
  // Two processes may create the role at once, so the second waits for the first. The setting `log_min_error_statement`
  // keeps the password out of PostgreSQL's log when a statement fails.
  await superuser.query(`
    select pg_advisory_xact_lock(${roleLock});
    set local log_min_error_statement = panic`);
  const { rowCount } = await superuser.query("select from pg_roles where rolname = $1", [serviceRole]);
  if (rowCount === 0) await superuser.query(`create role ${serviceRole}`);
  await superuser.query(`
    alter role ${serviceRole} login nosuperuser nocreatedb nocreaterole noreplication nobypassrls
      password ${superuser.escapeLiteral(password)};
    alter database postgres owner to ${serviceRole};
    do $$
    declare
      relation record;
    begin
      for relation in
        select oid::regclass as name from pg_class
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm')
          and relowner <> '${serviceRole}'::regrole
      loop
        execute format('alter table %s owner to ${serviceRole}', relation.name);
      end loop;
    end
    $$`);
  await superuser.query("commit");
}
