/**
 * Logs for the operator each stored change of a channel configuration, an instance, a token or an account, and who made
 * it.
 */

import type { OwnerListener } from "../directory/directory.js";
import type { OnChange } from "../rpc/methods/control-change.js";
import type { BoundedLog } from "./bounded-log.js";

/** Logs each change that a client's call makes. Only the node that served the call logs it. */
export function logCalls(log: BoundedLog): OnChange {
  return ({ what, ...fields }) => log.info(what, { ...fields });
}

/**
 * Logs changes of accounts and tokens that no client's call makes, when the directory learns of them. Every node logs
 * such a change; of several workers, only the first does. These changes come from the command line, or from a starting
 * node, which may create the default account or replace its token by ACCOUNT_TOKEN.
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
    consumersDisconnected({ kind, id, accountId }) {
      const whose = kind === "account" ? { accountId } : { accountId, instanceId: id };
      log.info("consumers disconnected", { ...whose, by: "command line" });
    },
  };
}
