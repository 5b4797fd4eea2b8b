/**
 * The port of the store, which keeps accounts, instances and channel configurations. `postgres-store.ts` implements it.
 */

import type { Instance } from "../domain/instance.js";
import type { Websocket } from "../domain/websocket.js";

export interface Account {
  /** A UUID. */
  readonly id: string;
  /** A name for people. It need not be unique. */
  readonly name: string;
  /** Whether this is the default account. When ACCOUNT_TOKEN is set, each start gives it this token. */
  readonly isDefault: boolean;
  readonly createdAt: Date;
  readonly revokedAt: Date | undefined;
}

/** An instance as a list shows it. */
export interface InstanceListing {
  readonly instance: Instance;
  /** `data.state` of its last `instance.state` event; `disconnected` before the first. */
  readonly status: string;
  /** `data.jid` of the last `instance.state` event that had one. */
  readonly numberJid: string | undefined;
  readonly websocket: Websocket | undefined;
  readonly position: ListPosition;
}

/** The position of an instance in the list of its account. The numbers have 64 bits, so they are text. */
export interface ListPosition {
  /** In microseconds since 1970. */
  readonly createdAt: string;
  readonly seq: string;
}

export interface InstanceChoice {
  readonly names?: readonly string[] | undefined;
  readonly id?: string | undefined;
}

export interface InstancePage extends InstanceChoice {
  readonly after?: ListPosition | undefined;
  readonly limit?: number | undefined;
}

/** The values that `instance.state` events have reported for an instance. */
export interface ReportedState {
  readonly status?: string;
  readonly numberJid?: string;
}

export interface NewInstance {
  readonly accountId: string;
  readonly name: string;
  readonly token?: string | undefined;
  readonly websocket?: Websocket | undefined;
}

export interface CreatedInstance extends Instance {
  /** Why the configuration was not saved. Absent when it was saved or not given. */
  readonly websocketFailure?: unknown;
}

/**
 * When the database is out of reach, every method rejects with the driver's error, and the caller chooses the reason
 * for the client. Every write commits together with its notification. It resolves only after this node's directory has
 * applied it, so an answered write is in force.
 */
export interface Store {
  /** Generates the token unless it is given. Rejects with AppError TOKEN_IN_USE. */
  createAccount(account: { name: string; token?: string | undefined }): Promise<{ account: Account; token: string }>;
  /** All accounts, the oldest first, with the revoked ones. */
  listAccounts(): Promise<Account[]>;
  /**
   * Revokes the account. Its token and the tokens of its instances stop working, also on open sockets. False when there
   * is no such account.
   */
  revokeAccount(id: string): Promise<boolean>;

  /** As `rotateInstanceToken`. Undefined when there is no such account or it is revoked. */
  rotateAccountToken(id: string, graceMs?: number): Promise<string | undefined>;

  findInstance(accountId: string, name: string): Promise<Instance | undefined>;
  /**
   * Generates the token unless it is given. Saves the configuration together with the instance; a configuration that
   * the database refuses is left out. Rejects with AppError INSTANCE_EXISTS, TOKEN_IN_USE or QUOTA_EXCEEDED.
   */
  createInstance(instance: NewInstance): Promise<CreatedInstance>;
  /** The instances of the account, or those with these names or this id, the oldest first, from a position on. */
  listInstances(accountId: string, page?: InstancePage): Promise<InstanceListing[]>;
  countInstances(accountId: string, only?: InstanceChoice): Promise<number>;
  /** Those of the names that instances of the account have. */
  existingNames(accountId: string, names: readonly string[]): Promise<Set<string>>;
  /** Deletes the instance with its configuration and its token. False when there is no such instance. */
  deleteInstance(id: string): Promise<boolean>;
  /**
   * Replaces the token and returns the new one, which is in force at once. The old token works for `graceMs` more, by
   * the clock of the database; then sockets that were opened with it are closed with 4001. Older tokens that retire
   * keep their ends. Without a grace all old tokens end now. Undefined when there is no such instance.
   */
  rotateInstanceToken(id: string, graceMs?: number): Promise<string | undefined>;
  /** Records states of instances, by id. A value that is absent stays as it was. Unknown ids are skipped. */
  setStates(states: ReadonlyMap<string, ReportedState>): Promise<void>;

  getWebsocket(instanceId: string): Promise<Websocket | undefined>;
  /**
   * Replaces the configuration and returns the stored one. Rejects with AppError INSTANCE_NOT_FOUND when the instance
   * does not exist any more.
   */
  setWebsocket(instanceId: string, websocket: Websocket): Promise<Websocket>;

  /** Undefined when the database can be used. It is asked anew each time, for at most 2 s. */
  trouble(): Promise<Trouble | undefined>;
  close(): Promise<void>;
}

/**
 * Why the database cannot be used as it should be. `unheard`: it answers, but its changes do not reach this node. The
 * others say why writes fail: it accepts none (a standby, `default_transaction_read_only`), its disk is full, it has no
 * free connection, or something else that the log names.
 */
export type Trouble = "unreachable" | "starting" | "unheard" | "read_only" | "full" | "no_connections" | "unwritable";

/** The counts of calls that all nodes on one database share. */
export interface RateCounters {
  /**
   * Adds `points` to the window of a key. Returns the sum in the window and how long the window still lasts. A window
   * begins with its first call and lasts `windowMs` by the database's clock, and not longer when that clock is set
   * back. Rejects within 2 s, and at once while the database is known to be out of reach.
   */
  count(key: string, points: number, windowMs: number): Promise<{ points: number; leftMs: number }>;
  /** The number of calls of `count` that were rejected. */
  readonly rejected: number;
}
