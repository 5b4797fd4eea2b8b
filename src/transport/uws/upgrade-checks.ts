/** Checks an upgrade against the directory: whether the token may reach the instance, and whether the channel is enabled. */

import type { Directory, Entry } from "../../directory/directory.js";
import { AppError } from "../../domain/errors.js";
import type { Principal } from "../../domain/instance.js";

/** Returns the instance of this name. Throws INVALID_TOKEN, INSTANCE_MISMATCH or INSTANCE_NOT_FOUND. */
export function findEntry(directory: Directory, principal: Principal, name: string): Entry {
  if (principal.revoked) throw new AppError("INVALID_TOKEN");
  if (principal.kind === "instance") {
    const entry = directory.instanceById(principal.id);
    if (entry?.instance.name !== name) throw new AppError("INSTANCE_MISMATCH");
    return entry;
  }
  const entry = directory.instance(principal.accountId, name);
  if (entry === undefined) throw new AppError("INSTANCE_NOT_FOUND");
  return entry;
}

/** Throws WEBSOCKET_DISABLED when the channel does not accept upgrades. */
export function requireEnabled({ instance, websocket }: Entry): void {
  if (!websocket?.enabled) throw new AppError("WEBSOCKET_DISABLED", { values: { instance: instance.name } });
}
