/** Checks an upgrade against the directory: whether the token may reach the instance, and whether the channel is enabled. */

import type { Scope } from "../../delivery/stream-registry.js";
import type { Directory, Entry } from "../../directory/directory.js";
import { AppError } from "../../domain/errors.js";
import type { Principal } from "../../domain/instance.js";
import type { Admission } from "../../rpc/api.js";

/** Who asks for an upgrade: the principal, and what the ticket opens when there is one. */
export interface Caller extends Pick<Admission, "grant"> {
  readonly principal: Principal;
}

/**
 * Returns what an upgrade is for: the instance of this name, or the whole account of the caller when there is no name.
 * Throws INVALID_TOKEN, INSTANCE_MISMATCH or INSTANCE_NOT_FOUND.
 */
export function findScope(directory: Directory, caller: Caller, name: string | undefined): Scope {
  const { principal, grant } = caller;
  if (principal.revoked) throw new AppError("INVALID_TOKEN");
  const only = onlyInstance(caller);
  if (name === undefined) {
    if (only !== null) throw new AppError("INSTANCE_MISMATCH");
    return { accountId: principal.accountId };
  }
  // A ticket for a whole account opens nothing else.
  if (grant !== undefined && only === null) throw new AppError("INSTANCE_MISMATCH");
  return findEntry(directory, principal, only, name);
}

/** Returns the id of the only instance that the caller may reach. Null when that is the whole account. */
function onlyInstance({ principal, grant }: Caller): string | null {
  if (grant !== undefined) return grant.instanceId;
  return principal.kind === "instance" ? principal.id : null;
}

/** Returns the instance of this name. Throws INSTANCE_MISMATCH or INSTANCE_NOT_FOUND. */
function findEntry(directory: Directory, { accountId }: Principal, only: string | null, name: string): Entry {
  if (only !== null) {
    const entry = directory.instanceById(only);
    if (entry?.instance.name !== name) throw new AppError("INSTANCE_MISMATCH");
    return entry;
  }
  const entry = directory.instance(accountId, name);
  if (entry === undefined) throw new AppError("INSTANCE_NOT_FOUND");
  return entry;
}

/** Throws WEBSOCKET_DISABLED when the channel of the instance does not accept upgrades. A whole account has no channel. */
export function requireEnabled(scope: Scope): void {
  if ("accountId" in scope) return;
  const { instance, websocket } = scope;
  if (!websocket?.enabled) throw new AppError("WEBSOCKET_DISABLED", { values: { instance: instance.name } });
}
