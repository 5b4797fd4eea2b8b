/** Logs for the operator each stored change of a configuration, an instance, a token or an account, and who made it. */

import type { OwnerListener } from "../directory/directory.js";
import type { OnChange } from "../rpc/methods/control-change.js";
import type { BoundedLog } from "./bounded-log.js";

/** Logs each change that a client's call makes. Only the node that served the call logs the change. */
export function logCalls(log: BoundedLog): OnChange {
  return ({ what, ...fields }) => log.info(what, { ...fields });
}

/**
 * Logs changes that no client's call makes. Every node logs such a change once, when its directory learns of it. A
 * starting node may create the default account, or replace its token by ACCOUNT_TOKEN.
 */
export function logOwners(log: BoundedLog): OwnerListener {
  const account = { by: "command line, or the start of a node" };
  return {
    accountCreated: (accountId) => log.info("account created", { accountId, ...account }),
    accountRevoked: (accountId) => log.info("account revoked", { accountId, by: "command line" }),
    tokenRotated({ kind, id }) {
      if (kind === "account") log.info("token of an account rotated", { accountId: id, ...account });
      else log.info("token of an instance rotated", { instanceId: id, by: "command line" });
    },
  };
}
