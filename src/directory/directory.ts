/** The directory keeps tokens, instances and their configurations in memory, so that calls and events need no query. */

import type { Instance, Principal } from "../domain/instance.js";
import type { VersionedWebsocket } from "../domain/websocket.js";

/**
 * One instance in memory. The object stays the same as long as the instance exists. A change gives its fields new
 * values and never edits an old value.
 */
export interface Entry {
  readonly instance: Instance;
  /** The channel configuration. Undefined until somebody configures the channel for the first time. */
  readonly websocket: VersionedWebsocket | undefined;
}

/** What the directory still knows of an instance that was deleted. */
export interface DeletedInstance {
  readonly accountId: string;
  readonly name: string;
  /** Whether another instance of the account has the name by now. */
  readonly nameTaken: boolean;
}

/**
 * News for the holders of open sockets. The directory calls a method once per change, right after it has applied the
 * change.
 */
export interface DirectoryListener {
  /** The configuration, the token or the name of an instance changed. */
  instanceChanged(entry: Entry): void;
  /** The instance was deleted. The holder closes its sockets with 4004. */
  instanceDeleted(instanceId: string, gone: DeletedInstance): void;
  /** An instance was created. Not called for the instances that the first complete read of the database finds. */
  instanceCreated(instanceId: string, accountId: string): void;
  /** A token stopped being valid. The holder closes with 4001 the sockets that were opened with this token. */
  principalRevoked(principal: Principal): void;
}

/**
 * News of accounts and tokens for the operator's log. The directory calls a method once per change. Rows that it finds
 * when it first reads the database are no changes.
 */
export interface OwnerListener {
  accountCreated(id: string): void;
  accountRevoked(id: string): void;
  /** An account or an instance got a new token. Its old token may still be accepted for a while. */
  tokenRotated(owner: Pick<Principal, "kind" | "id">): void;
}

export interface Directory {
  /** Whether the directory has read the whole database at least once. */
  readonly ready: boolean;
  /**
   * True while the node reaches the database but does not hear of its changes. Then calls and upgrades are refused,
   * because a token may have been revoked.
   */
  readonly stale: boolean;
  /**
   * The account or instance that the token speaks for. Undefined when the token is unknown or revoked. The token is
   * looked up by its SHA-256, and the hashes are compared in constant time.
   */
  principal(token: string): Principal | undefined;
  instance(accountId: string, name: string): Entry | undefined;
  /** The instance with this id. For a TokenInstance the id is `Principal.id`. */
  instanceById(id: string): Entry | undefined;
  listen(listener: DirectoryListener): void;
  /**
   * Sets the listener for news of accounts and tokens. There is only one: a second call replaces the first listener.
   */
  watchOwners(listener: OwnerListener): void;
}
