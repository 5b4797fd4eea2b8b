/**
 * The port by which the store fills the directory and keeps it up to date: the changes, the rows as the store reads
 * them, and the reader that the store provides.
 */

import type { WebhookFilter } from "../domain/webhook.js";
import type { VersionedWebsocket } from "../domain/websocket.js";
import type { Directory } from "./directory.js";

/**
 * Names an account or instance that was created, changed or deleted, without the new content. Every node reads the row
 * anew, so a change that arrives late or twice does no harm.
 */
export interface Change {
  readonly kind: "account" | "instance";
  readonly id: string;
}

/** A token that was replaced by another token, and that is still accepted until its end. */
export interface RetiringToken {
  readonly tokenHash: Uint8Array;
  /** Time from the reading of the row to the end of the token, in milliseconds, by the clock of the database. */
  readonly endsInMs: number;
}

export interface AccountRecord {
  readonly id: string;
  /** How often an operator has disconnected the consumers of the account. */
  readonly disconnects: number;
  readonly tokenHash: Uint8Array;
  readonly retiring?: readonly RetiringToken[] | undefined;
}

export interface InstanceRecord {
  readonly id: string;
  readonly accountId: string;
  readonly name: string;
  /** How often an operator has disconnected the consumers of the instance. */
  readonly disconnects: number;
  /** The encrypted token of the instance. */
  readonly sealed: Uint8Array;
  readonly tokenHash: Uint8Array;
  readonly retiring?: readonly RetiringToken[] | undefined;
  readonly websocket: VersionedWebsocket | undefined;
  /** The enabled webhooks of the instance. Undefined or absent when it has none. */
  readonly webhooks?: readonly WebhookFilter[] | undefined;
}

/** A part of the answer of `readAll`. The pages with accounts come before the pages with instances. */
export interface DirectoryPage {
  readonly accounts: readonly AccountRecord[];
  readonly instances: readonly InstanceRecord[];
}

/**
 * Decrypts the token of an instance. Throws when that fails. It takes 3 µs, so the directory does not decrypt a million
 * tokens in advance.
 */
export type OpenToken = (sealed: Uint8Array, instanceId: string) => string;

export interface DirectoryReader {
  /**
   * Reads the database as it is at one moment, page by page: first the accounts that are not revoked, then the
   * instances of these accounts. The process can do other work between two pages.
   */
  readAll(): AsyncIterable<DirectoryPage>;
  /** Reads one account. Undefined when the account is revoked or unknown. */
  readAccount(id: string): Promise<AccountRecord | undefined>;
  /** Reads one instance, even when its account is revoked. Undefined only when the instance does not exist. */
  readInstance(id: string): Promise<InstanceRecord | undefined>;
  readonly open: OpenToken;
}

export interface SyncedDirectory extends Directory {
  /**
   * Reads the whole database anew. Applies each difference and tells the listeners, page by page. At the end removes
   * every account and instance that the database no longer has. When it has succeeded for the first time, `ready` is
   * true. Rejects when the reading fails; then nothing is removed.
   */
  reload(reader: DirectoryReader): Promise<void>;
  /** Sets `stale`. The directory itself never changes it. */
  setStale(stale: boolean): void;
  /**
   * Reads the row that the change names, and applies its content, or removes what the database no longer has. Does
   * nothing before the first `reload` has ended. Reads of `reload` and `refresh` run one after another, so the
   * directory never goes back to an older state.
   */
  refresh(reader: DirectoryReader, change: Change): Promise<void>;
}
