/** Reads and writes channel configurations in PostgreSQL. */

import type { Kysely, Transaction } from "kysely";
import { AppError } from "../../domain/errors.js";
import type { Websocket } from "../../domain/websocket.js";
import type { Store } from "../store.js";
import { isUuid, violated, type Write } from "./notify-transaction.js";
import type { Schema } from "./schema.js";

type Websockets = Pick<Store, "getWebsocket" | "setWebsocket">;

export function createWebsocketQueries({ db, write }: { db: Kysely<Schema>; write: Write }): Websockets {
  return {
    async getWebsocket(instanceId) {
      if (!isUuid(instanceId)) return undefined;
      const row = await db
        .selectFrom("websocket")
        .select(shown)
        .where("instance_id", "=", instanceId)
        .executeTakeFirst();
      return row && readWebsocket(row);
    },

    async setWebsocket(instanceId, websocket) {
      if (!isUuid(instanceId)) throw new AppError("INSTANCE_NOT_FOUND");
      return write(async (transaction, touch) => {
        try {
          const saved = await saveWebsocket(transaction, instanceId, websocket);
          touch({ kind: "instance", id: instanceId });
          return saved;
        } catch (error) {
          if (violated(error) === "websocket_instance") throw new AppError("INSTANCE_NOT_FOUND", { cause: error });
          throw error;
        }
      });
    },
  };
}

/** Stores the configuration of an instance, in place of any earlier one, and returns what the database stored. */
export async function saveWebsocket(
  transaction: Transaction<Schema>,
  instanceId: string,
  { enabled, events, mediaBase64 }: Websocket,
): Promise<Websocket> {
  const set = { enabled, events: [...events], media_base64: mediaBase64, updated_at: new Date() };
  const row = await transaction
    .insertInto("websocket")
    .values({ instance_id: instanceId, ...set })
    .onConflict((conflict) => conflict.column("instance_id").doUpdateSet(set))
    .returning(shown)
    .executeTakeFirstOrThrow();
  return readWebsocket(row) as Websocket;
}

const shown = ["enabled", "events", "media_base64"] as const;

/** Turns a row into a configuration. Undefined when a left join found no configuration. */
export function readWebsocket(row: {
  enabled: boolean | null;
  events: string[] | null;
  media_base64: boolean | null;
}): Websocket | undefined {
  if (row.enabled === null || row.events === null || row.media_base64 === null) return undefined;
  return { enabled: row.enabled, events: row.events, mediaBase64: row.media_base64 };
}
