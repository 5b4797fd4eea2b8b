/** Checks an upgrade against the directory: whether the token may reach the instance, and whether the channel is enabled. */

import type { Scope } from "../../delivery/stream-registry.js";
import type { Directory, Entry } from "../../directory/directory.js";
import { AppError } from "../../domain/errors.js";
import type { Principal } from "../../domain/instance.js";

/**
 * Returns what an upgrade is for: the instance of this name, or the whole account of the caller when there is no name.
 * Throws INVALID_TOKEN, INSTANCE_MISMATCH or INSTANCE_NOT_FOUND.
 */
export function findScope(directory: Directory, principal: Principal, name: string | undefined): Scope {
  if (principal.revoked) throw new AppError("INVALID_TOKEN");
  if (name !== undefined) return findEntry(directory, principal, name);
  if (principal.kind === "instance") throw new AppError("INSTANCE_MISMATCH");
  return { accountId: principal.accountId };
}

/** Returns the instance of this name. Throws INSTANCE_MISMATCH or INSTANCE_NOT_FOUND. */
function findEntry(directory: Directory, principal: Principal, name: string): Entry {
  if (principal.kind === "instance") {
    const entry = directory.instanceById(principal.id);
    if (entry?.instance.name !== name) throw new AppError("INSTANCE_MISMATCH");
    return entry;
  }
  const entry = directory.instance(principal.accountId, name);
  if (entry === undefined) throw new AppError("INSTANCE_NOT_FOUND");
  return entry;
}

/** Throws WEBSOCKET_DISABLED when the channel of the instance does not accept upgrades. A whole account has no channel. */
export function requireEnabled(scope: Scope): void {
  if ("accountId" in scope) return;
  const { instance, websocket } = scope;
  if (!websocket?.enabled) throw new AppError("WEBSOCKET_DISABLED", { values: { instance: instance.name } });
}
