/** The directory: tokens, instances and their filters in memory, so that calls and events need no query. */

import type { Instance, Principal } from "../domain/instance.js";
import type { Websocket } from "../domain/websocket.js";

/**
 * One instance in memory. The object lives as long as the instance. A change replaces its fields and never edits them
 * in place.
 */
export interface Entry {
  readonly instance: Instance;
  /** Absent until the channel is configured for the first time. */
  readonly websocket: Websocket | undefined;
}

/**
 * News for holders of open sockets. A method is called synchronously, once per change, after the directory has changed.
 */
export interface DirectoryListener {
  /** The configuration, the token or the name of an instance changed. */
  instanceChanged(entry: Entry): void;
  /** The instance was deleted. Close its sockets with 4004. */
  instanceDeleted(instanceId: string): void;
  /** A token stopped being valid. Close the sockets that were opened with it with 4001. */
  principalRevoked(principal: Principal): void;
}

/**
 * News of accounts and tokens for an operator. A method is called once per change, but not for the rows that the first
 * complete read of the database finds.
 */
export interface OwnerListener {
  accountCreated(id: string): void;
  accountRevoked(id: string): void;
  /** An account or an instance has another token. The old token may still be accepted for a while. */
  tokenRotated(owner: Pick<Principal, "kind" | "id">): void;
}

export interface Directory {
  /** False until the first complete read of the database. */
  readonly ready: boolean;
  /**
   * True while the database answers but its changes do not arrive. Admit nobody then: the token may have been revoked.
   */
  readonly stale: boolean;
  /**
   * The account or instance that the token speaks for. The token is looked up by its SHA-256 and compared in constant
   * time.
   */
  principal(token: string): Principal | undefined;
  instance(accountId: string, name: string): Entry | undefined;
  /** The instance that a TokenInstance speaks for (`Principal.id`). */
  instanceById(id: string): Entry | undefined;
  listen(listener: DirectoryListener): void;
  /** Sets the one listener; a second call replaces the first listener. */
  watchOwners(listener: OwnerListener): void;
}
