/** How the directory follows the database: the changes that it hears of, and the rows that it reads. */

import type { Websocket } from "../domain/websocket.js";
import type { Directory } from "./directory.js";

/**
 * Names a row that was touched and not its new content. The hearer reads the row anew, so late and repeated changes do
 * no harm.
 */
export interface Change {
  readonly kind: "account" | "instance";
  readonly id: string;
}

/** A token that another one has replaced. It is accepted until its end. */
export interface RetiringToken {
  readonly tokenHash: Uint8Array;
  /** Time from the reading to the end, by the clock of the database, in milliseconds. */
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
  /** The encrypted token. */
  readonly sealed: Uint8Array;
  readonly tokenHash: Uint8Array;
  readonly retiring?: readonly RetiringToken[] | undefined;
  readonly websocket: Websocket | undefined;
}

export interface DirectoryPage {
  readonly accounts: readonly AccountRecord[];
  readonly instances: readonly InstanceRecord[];
}

/**
 * Decrypts the token of an instance. Throws when that fails. It takes 3 µs, too much to decrypt a million tokens ahead.
 */
export type OpenToken = (sealed: Uint8Array, instanceId: string) => string;

export interface DirectoryReader {
  /**
   * Reads one moment of the database, page by page: first the accounts that are not revoked, then their instances. The
   * process serves others between two pages.
   */
  readAll(): AsyncIterable<DirectoryPage>;
  /** Undefined when the account is revoked or unknown. */
  readAccount(id: string): Promise<AccountRecord | undefined>;
  /** Also finds an instance of a revoked account. Undefined only when the instance was deleted. */
  readInstance(id: string): Promise<InstanceRecord | undefined>;
  readonly open: OpenToken;
}

export interface SyncedDirectory extends Directory {
  /**
   * Reads everything anew. Applies each difference and tells the listeners of it, page by page. At the end removes
   * everything that the reading did not have.
   */
  reload(reader: DirectoryReader): Promise<void>;
  setStale(stale: boolean): void;
  /** Reads the row that the change names. All reads run one after another, so the directory never goes back in time. */
  refresh(reader: DirectoryReader, change: Change): Promise<void>;
}
