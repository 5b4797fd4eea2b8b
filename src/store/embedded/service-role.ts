/** The role of the service in its embedded PostgreSQL. It owns its database and has no other rights. */

import type { ClientBase } from "pg";

export const serviceRole = "eventwire_service";

const roleLock = 1_702_258_294;

/**
 * Creates or corrects the role; `superuser` is a session of the superuser. Objects that an older release created as
 * superuser become the service's.
 */
export async function makeServiceRole(superuser: ClientBase, password: string): Promise<void> {
  await superuser.query("begin");
  // Two processes may do this at once; the second finds the role created. Failed statements do not show the password in
  // the log.
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
