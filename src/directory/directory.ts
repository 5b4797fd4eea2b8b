/**
 * The port of the directory, which keeps tokens, instances and their channel configurations in memory, so that calls
 * and events need no query. Also the two kinds of listeners to which the directory tells changes.
 */

import type { Instance, Principal } from "../domain/instance.js";
import type { WebhookFilter } from "../domain/webhook.js";
import type { VersionedWebsocket } from "../domain/websocket.js";

/**
 * One instance in memory. The object stays the same for as long as the instance exists. A change replaces the values of
 * its fields, and never edits an old value.
 */
export interface Entry {
  readonly instance: Instance;
  /** The channel configuration. Undefined until somebody configures the channel for the first time. */
  readonly websocket: VersionedWebsocket | undefined;
  /** The enabled webhooks. Undefined or absent when there are none. */
  readonly webhooks?: readonly WebhookFilter[] | undefined;
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
 * change. All listeners are called.
 */
export interface DirectoryListener {
  /**
   * The channel configuration, the current token or the name of an instance changed. Not called while the token of the
   * instance cannot be decrypted.
   */
  instanceChanged(entry: Entry): void;
  /** A webhook of an instance was enabled, changed or disabled. Absent in a listener that has no use for the news. */
  webhooksChanged?(entry: Entry): void;
  /** The instance was deleted. The holder closes the sockets of the instance with 4004. */
  instanceDeleted(instanceId: string, gone: DeletedInstance): void;
  /** An instance was created. Not called for the instances that the first complete reading of the database finds. */
  instanceCreated(instanceId: string, accountId: string): void;
  /**
   * A token stopped being valid: it was replaced and is not accepted any longer, or its account was revoked. Not called
   * for the tokens of a deleted instance. The holder closes with 4001 the sockets that were opened with the token.
   */
  principalRevoked(principal: Principal): void;
  /**
   * An operator has disconnected the consumers of an instance, or of an account and all its instances. The holder closes
   * their connections.
   */
  consumersDisconnected(owner: Owner): void;
}

/** An account or an instance, as the owner of consumers. */
export type Owner = Pick<Principal, "kind" | "id" | "accountId">;

/**
 * News of accounts and tokens for the operator's log. The directory calls a method once per change. Rows that it finds
 * when it first reads the database are no changes.
 */
export interface OwnerListener {
  accountCreated(id: string): void;
  accountRevoked(id: string): void;
  /** An account or an instance got a new token. Its old token may still be accepted for a while. */
  tokenRotated(owner: Pick<Principal, "kind" | "id">): void;
  /** An operator has disconnected the consumers of an account or an instance. */
  consumersDisconnected(owner: Owner): void;
}

export interface Directory {
  /** Whether the directory has read the whole database at least once. */
  readonly ready: boolean;
  /**
   * True while the node reaches the database but does not hear of its changes. Then calls and upgrades are refused,
   * because a token may have been revoked. A database out of reach does not make the directory stale: the node then
   * serves with what it knows.
   */
  readonly stale: boolean;
  /**
   * The account or instance that the token speaks for. Undefined when the token is unknown or revoked. A replaced token
   * still speaks for its owner until its end. The token is looked up by its SHA-256, and the hashes are compared in
   * constant time.
   */
  principal(token: string): Principal | undefined;
  /** The same, for a token that is known only by its SHA-256. */
  principalByHash(tokenHash: Uint8Array): Principal | undefined;
  /** The SHA-256 of the token to which a principal of this directory belongs. */
  tokenHash(principal: Principal): Buffer;
  /**
   * The instance of the account with this name. Undefined when there is none, and when the token of the instance cannot
   * be decrypted.
   */
  instance(accountId: string, name: string): Entry | undefined;
  /**
   * The instance with this id. For a TokenInstance the id is `Principal.id`. Undefined in the same cases as `instance`.
   */
  instanceById(id: string): Entry | undefined;
  /** Adds a listener for changes of instances and tokens. A listener cannot be taken away. */
  listen(listener: DirectoryListener): void;
  /**
   * Sets the listener for news of accounts and tokens. There is only one: a second call replaces the first listener.
   */
  watchOwners(listener: OwnerListener): void;
}
