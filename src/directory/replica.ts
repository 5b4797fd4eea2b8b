/** How the directory is kept equal to the database: what it is told, and what it reads. */

import type { Instance } from "../domain/instance.js";
import type { Websocket } from "../domain/websocket.js";
import type { Directory } from "./directory.js";

/** Names what was touched, never how: whoever hears it reads it anew, so late and repeated news do no harm. */
export interface Change {
  readonly kind: "account" | "instance";
  readonly id: string;
}

export interface AccountRecord {
  readonly id: string;
  readonly tokenHash: Uint8Array;
}

export interface InstanceRecord {
  readonly instance: Instance;
  readonly tokenHash: Uint8Array;
  readonly websocket: Websocket | undefined;
}

export interface DirectoryReader {
  /** One moment of the database: the accounts that are not revoked, and their instances. */
  readAll(): Promise<{ accounts: readonly AccountRecord[]; instances: readonly InstanceRecord[] }>;
  /** Undefined when it is revoked. */
  readAccount(id: string): Promise<AccountRecord | undefined>;
  /** Of a revoked account too: only its deletion makes an instance vanish. */
  readInstance(id: string): Promise<InstanceRecord | undefined>;
}

export interface Replica extends Directory {
  /** Reads everything anew; what differs is changed and told to the listeners. */
  reload(reader: DirectoryReader): Promise<void>;
  /** Reads what the change names. All reads run one after another, so what is known never goes back in time. */
  refresh(reader: DirectoryReader, change: Change): Promise<void>;
}
