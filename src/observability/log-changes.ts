/** The operator's log of lasting changes to configurations, instances, tokens and accounts, and of who made them. */

import type { OwnerListener } from "../directory/directory.js";
import type { OnChange } from "../rpc/methods/control-change.js";
import type { BoundedLog } from "./bounded-log.js";

/** Logs a change by a call, on the node that served the call. */
export function logCalls(log: BoundedLog): OnChange {
  return ({ what, ...fields }) => log.info(what, { ...fields });
}

/**
 * Logs changes that no call makes. Every node logs them once, when it hears of them. A starting node may create the
 * default account, or give it the ACCOUNT_TOKEN.
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
