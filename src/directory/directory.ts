/** What the hot path knows without asking the database: tokens, instances and their filters. */

import type { Instance, Principal } from "../domain/instance.js";
import type { Websocket } from "../domain/websocket.js";

/** One instance in memory. The object lives as long as the instance; its fields are replaced, never edited in place. */
export interface Entry {
  readonly instance: Instance;
  /** Absent until it is configured for the first time. */
  readonly websocket: Websocket | undefined;
}

/** What holders of open sockets must hear. Called synchronously, once per change, after the directory has changed. */
export interface DirectoryListener {
  /** The configuration, the token or the name of an instance changed. */
  instanceChanged(entry: Entry): void;
  /** The instance is gone: its sockets close with 4004. */
  instanceDeleted(instanceId: string): void;
  /** A token stopped being valid: sockets that were opened with it close with 4001. */
  principalRevoked(principal: Principal): void;
}

/**
 * What an operator wants to know of accounts and tokens. Called once per change, but not for what the first complete read
 * of the database finds.
 */
export interface OwnerListener {
  accountCreated(id: string): void;
  accountRevoked(id: string): void;
  /** An account or an instance has another token; the old one may be accepted for a while. */
  tokenRotated(owner: Pick<Principal, "kind" | "id">): void;
}

export interface Directory {
  /** False until the first complete read of the database. */
  readonly ready: boolean;
  /** True while the database answers and its changes do not arrive: whoever is admitted may have been revoked. */
  readonly stale: boolean;
  /** Who the token speaks for. Looked up by SHA-256 and compared in constant time. */
  principal(token: string): Principal | undefined;
  instance(accountId: string, name: string): Entry | undefined;
  /** The instance that a TokenInstance speaks for (`Principal.id`). */
  instanceById(id: string): Entry | undefined;
  listen(listener: DirectoryListener): void;
  /** Replaces the one before. */
  watchOwners(listener: OwnerListener): void;
}
