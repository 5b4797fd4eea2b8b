/** The tables as kysely sees them. `migrations.ts` creates them. */

import type { ColumnType, GeneratedAlways } from "kysely";

type DatabaseTime = ColumnType<Date, never, never>;

interface AccountTable {
  id: ColumnType<string, string, never>;
  name: string;
  /** Whether this is the account of ACCOUNT_TOKEN and of the first start. At most one such account is not revoked. */
  is_default: ColumnType<boolean, boolean | undefined, never>;
  created_at: DatabaseTime;
  revoked_at: ColumnType<Date | null, never, Date>;
}

interface InstanceTable {
  id: ColumnType<string, string, never>;
  account_id: ColumnType<string, string, never>;
  name: string;
  token_sealed: Buffer;
  status: ColumnType<string, string | undefined, string>;
  created_at: DatabaseTime;
  number_jid: ColumnType<string | null, never, string>;
  /** Orders rows with equal `created_at`. */
  seq: GeneratedAlways<string>;
}

/** The tokens of accounts and instances. They are in one table, because two owners may not have the same token. */
interface TokenTable {
  hash: Buffer;
  account_id: ColumnType<string, string, never>;
  /** Null when it is the token of the account itself. */
  instance_id: ColumnType<string | null, string | undefined, never>;
}

/**
 * Tokens that were replaced and are still accepted until their end. The next rotation deletes rows whose end has
 * passed.
 */
interface RetiringTokenTable {
  hash: Buffer;
  account_id: string;
  instance_id: string | null;
  ends_at: ColumnType<Date, Date, never>;
}

interface WebsocketTable {
  instance_id: ColumnType<string, string, never>;
  enabled: boolean;
  events: string[];
  media_base64: boolean;
  updated_at: ColumnType<Date, never, Date>;
}

/** One row with a known text, encrypted with the key of all tokens in this database. */
interface KeyCheckTable {
  id: ColumnType<number, number, never>;
  sealed: Buffer;
}

export interface Schema {
  account: AccountTable;
  instance: InstanceTable;
  token: TokenTable;
  retiring_token: RetiringTokenTable;
  websocket: WebsocketTable;
  key_check: KeyCheckTable;
}
