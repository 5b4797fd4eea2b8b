/** How the directory follows the database: the changes that it hears of, and the rows that it reads. */

import type { VersionedWebsocket } from "../domain/websocket.js";
import type { Directory } from "./directory.js";

/**
 * Names a row that was changed, without the new content. Every node reads the row anew, so a change that arrives late
 * or twice does no harm.
 */
export interface Change {
  readonly kind: "account" | "instance";
  readonly id: string;
}

/** A token that was replaced by another token, and that is still accepted until its end. */
export interface RetiringToken {
  readonly tokenHash: Uint8Array;
  /** Time until the token ends, in milliseconds. The database measures it when the row is read. */
  readonly endsInMs: number;
}

export interface AccountRecord {
  readonly id: string;
  readonly tokenHash: Uint8Array;
  readonly retiring?: readonly RetiringToken[] | undefined;
}

export interface InstanceRecord {
  readonly id: string;
  readonly accountId: string;
  readonly name: string;
  /** The encrypted token of the instance. */
  readonly sealed: Uint8Array;
  readonly tokenHash: Uint8Array;
  readonly retiring?: readonly RetiringToken[] | undefined;
  readonly websocket: VersionedWebsocket | undefined;
}

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
   * Reads the database as it is at one moment, page by page: first the accounts that are not revoked, then their
   * instances. The process can do other work between two pages.
   */
  readAll(): AsyncIterable<DirectoryPage>;
  /** Reads one account. Undefined when the account is revoked or unknown. */
  readAccount(id: string): Promise<AccountRecord | undefined>;
  /** Reads one instance, even when its account is revoked. Undefined only when the instance was deleted. */
  readInstance(id: string): Promise<InstanceRecord | undefined>;
  readonly open: OpenToken;
}

export interface SyncedDirectory extends Directory {
  /**
   * Reads the whole database anew. Applies each difference and tells the listeners, page by page. At the end removes
   * every account and instance that the database no longer has.
   */
  reload(reader: DirectoryReader): Promise<void>;
  setStale(stale: boolean): void;
  /**
   * Reads the row that the change names, and applies its content. All reads run one after another, so the directory
   * never goes back to an older state.
   */
  refresh(reader: DirectoryReader, change: Change): Promise<void>;
}
