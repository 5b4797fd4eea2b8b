/** Where accounts, instances and channel configurations are kept: the port; `postgres-store.ts` implements it. */

import type { Instance } from "../domain/instance.js";
import type { Websocket } from "../domain/websocket.js";

export interface Account {
  /** A UUID. */
  readonly id: string;
  /** For people; not unique. */
  readonly name: string;
  /** Its token is ACCOUNT_TOKEN wherever a start finds that set. */
  readonly isDefault: boolean;
  readonly createdAt: Date;
  readonly revokedAt: Date | undefined;
}

/** An instance as a list shows it. */
export interface InstanceListing {
  readonly instance: Instance;
  /** `data.state` of its last `instance.state` event; `disconnected` before the first. */
  readonly status: string;
  /** `data.jid` of its last `instance.state` event that had one. */
  readonly numberJid: string | undefined;
  readonly websocket: Websocket | undefined;
  readonly position: ListPosition;
}

/** Where an instance stands among those of its account; numbers of 64 bits, as text. */
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

/** What `instance.state` events have told of an instance. */
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
  /** Why the configuration was left out. */
  readonly websocketFailure?: unknown;
}

/**
 * Every method rejects with what the driver says when the database is out of reach; the caller names the failure.
 * Every write commits together with its notification, and resolves only after this node's directory has applied it:
 * what was answered is in force.
 */
export interface Store {
  /** The token is generated unless given. Rejects with AppError TOKEN_IN_USE. */
  createAccount(account: { name: string; token?: string | undefined }): Promise<{ account: Account; token: string }>;
  /** Oldest first, revoked ones included. */
  listAccounts(): Promise<Account[]>;
  /** Its token and the tokens of its instances stop working, here and on open sockets. False: no such account. */
  revokeAccount(id: string): Promise<boolean>;

  /** As `rotateInstanceToken` does. Undefined: no such account, or it is revoked. */
  rotateAccountToken(id: string, graceMs?: number): Promise<string | undefined>;

  findInstance(accountId: string, name: string): Promise<Instance | undefined>;
  /**
   * Rejects with AppError INSTANCE_EXISTS, TOKEN_IN_USE or QUOTA_EXCEEDED. The token is generated unless given. The
   * configuration is saved with the instance; one that the database refuses is left out.
   */
  createInstance(instance: NewInstance): Promise<CreatedInstance>;
  /** Oldest first; all of the account, or those with these names or this id, from a position on. */
  listInstances(accountId: string, page?: InstancePage): Promise<InstanceListing[]>;
  countInstances(accountId: string, only?: InstanceChoice): Promise<number>;
  /** Of these names, the ones that instances of the account have. */
  existingNames(accountId: string, names: readonly string[]): Promise<Set<string>>;
  /** Its configuration and token go with it. False: it was gone already. */
  deleteInstance(id: string): Promise<boolean>;
  /**
   * The new token, in force at once. The old one works for `graceMs` more, by the clock of the database; then sockets that
   * were opened with it close with 4001. Older tokens that retire already keep their ends, or all end now without a grace.
   * Undefined: no such instance.
   */
  rotateInstanceToken(id: string, graceMs?: number): Promise<string | undefined>;
  /** Records states of instances, by id; what is absent stays. Unknown ids are skipped. */
  setStates(states: ReadonlyMap<string, ReportedState>): Promise<void>;

  getWebsocket(instanceId: string): Promise<Websocket | undefined>;
  /** Replaces the configuration and returns what was persisted. Rejects with AppError INSTANCE_NOT_FOUND when the instance is gone. */
  setWebsocket(instanceId: string, websocket: Websocket): Promise<Websocket>;

  /** Undefined when the database can be used. Asked afresh, bounded to 2 s. */
  trouble(): Promise<Trouble | undefined>;
  close(): Promise<void>;
}

/**
 * Why the database cannot be used as it should be. `unheard`: it answers, and its changes do not reach this node. The others
 * say why writes fail: it takes none (a standby, `default_transaction_read_only`), its disk is full, it has no connection
 * left, or something else that the log names.
 */
export type Trouble = "unreachable" | "starting" | "unheard" | "read_only" | "full" | "no_connections" | "unwritable";

/** Where the nodes on one database count calls together. */
export interface RateCounters {
  /**
   * Adds `points` to the window of a key and tells what stands in it now, and how long it still lasts. A window begins with
   * its first call and lasts `windowMs` by the database's clock, and no longer when that is set back. Rejects within 2 s; at
   * once, while the database is known to be out of reach.
   */
  count(key: string, points: number, windowMs: number): Promise<{ points: number; leftMs: number }>;
  /** Counts that were rejected. */
  readonly rejected: number;
}
