/**
 * Disconnects consumers for an operator. The database counts how often that was done for an account and for an instance.
 * A node that reads a higher count than before ends the consumers. So a node that misses the notification does so as
 * soon as it reads the row again.
 */

import { sql } from "kysely";
import type { Store } from "../store.js";
import { countFollowers } from "./followers.js";
import { isUuid, type Write } from "./notify-transaction.js";

export function createDisconnects(write: Write): Pick<Store, "disconnectAccount" | "disconnectInstance"> {
  async function disconnect(kind: "account" | "instance", id: string): Promise<number | undefined> {
    if (!isUuid(id)) return undefined;
    return write(async (transaction, touch) => {
      const counted = await sql`
        update ${sql.table(kind)} set disconnects = disconnects + 1 where id = ${id} returning id`.execute(transaction);
      if (counted.rows.length === 0) return undefined;
      touch({ kind, id });
      return countFollowers(transaction);
    });
  }

  return {
    disconnectAccount: (id) => disconnect("account", id),
    disconnectInstance: (id) => disconnect("instance", id),
  };
}
