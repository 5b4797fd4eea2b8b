/** How the directory is kept equal to the database: what it is told, and what it reads. */

import type { Websocket } from "../domain/websocket.js";
import type { Directory } from "./directory.js";

/** Names what was touched, never how: whoever hears it reads it anew, so late and repeated news do no harm. */
export interface Change {
  readonly kind: "account" | "instance";
  readonly id: string;
}

/** A token that another one has replaced, and that is accepted until its end. */
export interface RetiringToken {
  readonly tokenHash: Uint8Array;
  /** From the reading on, by the clock of the database, in milliseconds. */
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
  /** Its token, encrypted. */
  readonly sealed: Uint8Array;
  readonly tokenHash: Uint8Array;
  readonly retiring?: readonly RetiringToken[] | undefined;
  readonly websocket: Websocket | undefined;
}

export interface DirectoryPage {
  readonly accounts: readonly AccountRecord[];
  readonly instances: readonly InstanceRecord[];
}

/** Decrypts the token of an instance: 3 µs, so that a million are not opened ahead. Throws when it does not open. */
export type OpenToken = (sealed: Uint8Array, instanceId: string) => string;

export interface DirectoryReader {
  /**
   * One moment of the database, page by page: the accounts that are not revoked, then their instances. The process serves
   * others between two pages.
   */
  readAll(): AsyncIterable<DirectoryPage>;
  /** Undefined when it is revoked. */
  readAccount(id: string): Promise<AccountRecord | undefined>;
  /** Of a revoked account too: only its deletion makes an instance vanish. */
  readInstance(id: string): Promise<InstanceRecord | undefined>;
  readonly open: OpenToken;
}

export interface Replica extends Directory {
  /**
   * Reads everything anew; what differs is changed and told to the listeners, page by page, and at last what the reading
   * did not have is removed.
   */
  reload(reader: DirectoryReader): Promise<void>;
  setStale(stale: boolean): void;
  /** Reads what the change names. All reads run one after another, so what is known never goes back in time. */
  refresh(reader: DirectoryReader, change: Change): Promise<void>;
}
