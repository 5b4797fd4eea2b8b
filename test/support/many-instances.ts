/** Instances by the thousand, made as creation leaves them and faster than it. */

import { randomUUID } from "node:crypto";
import { generateToken, hashToken } from "../../src/domain/token.js";
import type { Sealer } from "../../src/store/encryption/sealing.js";
import { query } from "./postgres.js";

/** `desk-1` and so on, the oldest first; every other one has an enabled channel. */
export async function makeManyInstances(
  url: string,
  { accountId, count, sealer }: { accountId: string; count: number; sealer: Sealer },
): Promise<void> {
  const rows = Array.from({ length: count }, (_, i) => {
    const [id, token] = [randomUUID(), generateToken("instance")];
    return { id, name: `desk-${i + 1}`, hash: hashToken(token), sealed: sealer.seal(token, id) };
  });
  await query(
    url,
    `with given as (select * from unnest($2::uuid[], $3::text[], $4::bytea[], $5::bytea[]) as given (id, name, sealed, hash)),
     made as (insert into instance (id, account_id, name, token_sealed) select id, $1, name, sealed from given),
     known as (insert into token (hash, account_id, instance_id) select hash, $1, id from given)
     insert into websocket (instance_id, enabled, events, media_base64)
     select id, true, '{call.update}', false from given where id = any($6::uuid[])`,
    [
      accountId,
      rows.map(({ id }) => id),
      rows.map(({ name }) => name),
      rows.map(({ sealed }) => sealed),
      rows.map(({ hash }) => hash),
      rows.filter((_, i) => i % 2 === 0).map(({ id }) => id),
    ],
  );
}
