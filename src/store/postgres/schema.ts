/** Describes to kysely the tables that are used through kysely. `migrations.ts` creates all tables. */

import type { ColumnType, GeneratedAlways } from "kysely";

type DatabaseTime = ColumnType<Date, never, never>;

interface AccountTable {
  id: ColumnType<string, string, never>;
  name: string;
  /**
   * Whether a start created this account as the default account. ACCOUNT_TOKEN becomes the token of the default account
   * that is not revoked, of which there is at most one.
   */
  is_default: ColumnType<boolean, boolean | undefined, never>;
  created_at: DatabaseTime;
  revoked_at: ColumnType<Date | null, never, Date>;
  /** How often an operator has disconnected the consumers of the account. */
  disconnects: ColumnType<number, never, never>;
}

interface InstanceTable {
  id: ColumnType<string, string, never>;
  account_id: ColumnType<string, string, never>;
  name: string;
  token_sealed: Buffer;
  status: ColumnType<string, string | undefined, string>;
  created_at: DatabaseTime;
  number_jid: ColumnType<string | null, never, string>;
  /** A number that orders instances with equal `created_at`. */
  seq: GeneratedAlways<string>;
  /** How often an operator has disconnected the consumers of the instance. */
  disconnects: ColumnType<number, never, never>;
}

/**
 * The current tokens of accounts and of instances. They share one table, because no two owners may have the same token.
 */
interface TokenTable {
  hash: Buffer;
  account_id: ColumnType<string, string, never>;
  /** The instance that the token belongs to. Null for the token of the account itself. */
  instance_id: ColumnType<string | null, string | undefined, never>;
}

/**
 * Tokens that were replaced and are accepted until `ends_at`. The next rotation of any token deletes the rows whose end
 * has passed.
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
  /** Counts the changes of the configuration, from 1. A trigger in the database counts them. */
  version: ColumnType<number, never, never>;
}

interface WebhookTable {
  id: GeneratedAlways<string>;
  instance_id: ColumnType<string, string, never>;
  label: ColumnType<string, string, never>;
  enabled: boolean;
  url: string;
  authorization_sealed: Buffer | null;
  by_events: boolean;
  events: string[];
  media_base64: boolean;
  secret_sealed: Buffer | null;
  /** During a rotation: the secret before, which also signs requests until `previous_secret_until`. */
  previous_secret_sealed: Buffer | null;
  previous_secret_until: ColumnType<Date | null, Date | null, Date | null>;
  ordered: boolean;
  timeout_seconds: number;
  disabled_reason: string | null;
  /** Counts the changes of the webhook, from 1. */
  version: ColumnType<number, never, number>;
  updated_at: ColumnType<Date, never, Date>;
}

/** The table has one row: a known text, encrypted with the key of all tokens in this database. */
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
  webhook: WebhookTable;
  key_check: KeyCheckTable;
}
