/**
 * The port of the store, which keeps accounts, instances, tokens and channel configurations, and the ports of the
 * tickets and of the counters for rate limits. `postgres-store.ts` implements the store, `tickets.ts` the tickets, and
 * `rate-counters.ts` the counters.
 */

import type { Instance } from "../domain/instance.js";
import type { AskedWebhook, Webhook } from "../domain/webhook.js";
import type { Websocket } from "../domain/websocket.js";
import type { WebhookOperations } from "./webhook-operations.js";

export interface Account {
  /** The id of the account, a UUID. */
  readonly id: string;
  /** The name of the account, for people. Two accounts may have the same name. */
  readonly name: string;
  /**
   * Whether a start of Eventwire created this account. Each start gives ACCOUNT_TOKEN, when that is set, to the default
   * account that is not revoked.
   */
  readonly isDefault: boolean;
  readonly createdAt: Date;
  readonly revokedAt: Date | undefined;
}

/** An instance with everything that a list shows of it. */
export interface InstanceListing {
  readonly instance: Instance;
  /**
   * The state of the instance: the last `data.state` of its `instance.state` events, `disconnected` before the first.
   */
  readonly status: string;
  /** The JID of the instance: the last `data.jid` of its `instance.state` events. Undefined when none had one. */
  readonly numberJid: string | undefined;
  readonly websocket: Websocket | undefined;
  /** The webhook with the label `default`. Undefined when it was never configured. */
  readonly webhook: Webhook | undefined;
  readonly position: ListPosition;
}

/**
 * The position of an instance in the list of its account, which is ordered by `createdAt` and then by `seq`. Both
 * numbers have 64 bits, so they are text here.
 */
export interface ListPosition {
  /** When the instance was created, in microseconds since 1970. */
  readonly createdAt: string;
  readonly seq: string;
}

/**
 * Restricts a question to the instances with these names, or to the instance with this id. Without both, all instances
 * of the account are meant.
 */
export interface InstanceChoice {
  readonly names?: readonly string[] | undefined;
  readonly id?: string | undefined;
}

/** Also restricts the answer to the instances after a position, and to a number of them. */
export interface InstancePage extends InstanceChoice {
  readonly after?: ListPosition | undefined;
  readonly limit?: number | undefined;
}

/** The values that `instance.state` events have reported for an instance. An absent value was not reported. */
export interface ReportedState {
  readonly status?: string;
  readonly numberJid?: string;
}

export interface NewInstance {
  readonly accountId: string;
  readonly name: string;
  readonly token?: string | undefined;
  readonly websocket?: Websocket | undefined;
  readonly webhook?: AskedWebhook | undefined;
}

export interface CreatedInstance extends Instance {
  /** Why the database refused the configuration. Absent when it was saved, or when none was given. */
  readonly websocketFailure?: unknown;
  /** Why the database refused the webhook. Absent when it was saved, or when none was given. */
  readonly webhookFailure?: unknown;
  /** The stored webhook. Absent when none was given, or when the database refused it. */
  readonly webhook?: Webhook;
}

/**
 * Reads and writes accounts, instances, tokens and channel configurations. When the database is out of reach, each
 * method but `trouble` and `close` rejects with the driver's error, and the caller chooses the reason for the client. A
 * write commits together with its notification. It resolves only after this node's directory has applied the change, so
 * an answered write is in force here. When that takes more than 5 s, it rejects although the change is stored.
 */
export interface Store extends WebhookOperations {
  /**
   * Creates an account, and generates its token unless one is given. The token is returned only here. Rejects with
   * AppError TOKEN_IN_USE.
   */
  createAccount(account: { name: string; token?: string | undefined }): Promise<{ account: Account; token: string }>;
  /** Lists all accounts, the oldest first, including revoked accounts. */
  listAccounts(): Promise<Account[]>;
  /**
   * Revokes an account. Its tokens and the tokens of its instances stop working, and sockets that were opened with them
   * are closed with 4001. False when the account does not exist or is revoked already.
   */
  revokeAccount(id: string): Promise<boolean>;

  /**
   * Replaces the token of an account as `rotateInstanceToken` does for an instance. Undefined when the account does not
   * exist or is revoked.
   */
  rotateAccountToken(id: string, graceMs?: number): Promise<string | undefined>;

  /**
   * Ends all open connections of consumers of an account, on all nodes: those of the account as a whole, and
   * those of its instances. A node that has lost the database ends them when it is back. Nothing keeps consumers from
   * coming back. Returns how many nodes follow the changes of the database now. Undefined when the account does not
   * exist.
   */
  disconnectAccount(id: string): Promise<number | undefined>;
  /** Does for the consumers of one instance what `disconnectAccount` does. Those of the account as a whole stay. */
  disconnectInstance(id: string): Promise<number | undefined>;

  /** The instance of the account with this name, read from the database. Undefined when there is none. */
  findInstance(accountId: string, name: string): Promise<Instance | undefined>;
  /**
   * Creates an instance, and generates its token unless one is given. Saves the configuration together with the
   * instance, and so the webhook. When the database refuses only the configuration, the instance has none, and
   * `websocketFailure` says why; `webhookFailure` says so of the webhook.
   * Rejects with AppError INVALID_TOKEN when the account is revoked, INSTANCE_EXISTS, TOKEN_IN_USE or QUOTA_EXCEEDED.
   */
  createInstance(instance: NewInstance): Promise<CreatedInstance>;
  /**
   * Lists instances of the account, the oldest first. `page` restricts the list to names or to an id, and says after
   * which position it begins and how long it may be.
   */
  listInstances(accountId: string, page?: InstancePage): Promise<InstanceListing[]>;
  /** Counts the instances of the account, or those that `only` chooses. */
  countInstances(accountId: string, only?: InstanceChoice): Promise<number>;
  /** Returns those of `names` that an instance of the account has. */
  existingNames(accountId: string, names: readonly string[]): Promise<Set<string>>;
  /** Deletes an instance with its configuration and its tokens. False when the instance does not exist. */
  deleteInstance(id: string): Promise<boolean>;
  /**
   * Replaces the token of an instance and returns the new token, which is in force at once. The old token is accepted
   * for `graceMs` milliseconds more, by the clock of the database. Then sockets that were opened with it are closed
   * with 4001. Tokens that were replaced earlier keep their ends. Without `graceMs` all old tokens end now. Undefined
   * when the instance does not exist.
   */
  rotateInstanceToken(id: string, graceMs?: number): Promise<string | undefined>;
  /**
   * Stores the states of instances, by id. A value that is absent in `states` keeps its stored value. Unknown ids are
   * skipped.
   */
  setStates(states: ReadonlyMap<string, ReportedState>): Promise<void>;

  /** The configuration of an instance, read from the database. Undefined when the channel was never configured. */
  getWebsocket(instanceId: string): Promise<Websocket | undefined>;
  /**
   * Replaces the configuration of an instance and returns the stored one. Rejects with AppError INSTANCE_NOT_FOUND when
   * the instance does not exist any more.
   */
  setWebsocket(instanceId: string, websocket: Websocket): Promise<Websocket>;

  /** The webhook of an instance with this label. Undefined when it was never configured. */
  getWebhook(instanceId: string, label: string): Promise<Webhook | undefined>;
  /** The webhooks of an instance, enabled and disabled, in the order of their labels. */
  listWebhooks(instanceId: string): Promise<Webhook[]>;
  /**
   * Stores a webhook in place of any earlier one with its label, and returns the stored one. Rejects with AppError
   * INSTANCE_NOT_FOUND, or WEBHOOK_LIMIT_REACHED when three others are enabled.
   */
  setWebhook(instanceId: string, asked: AskedWebhook): Promise<Webhook>;

  /**
   * Why the database cannot be used. Undefined when it can be used. When no reason is known yet, asks the database, for
   * at most 2 s, and may then try a write, for at most 2 s more.
   */
  trouble(): Promise<Trouble | undefined>;
  /** Closes the connections, and the embedded database when this process owns it. */
  close(): Promise<void>;
}

/**
 * Why the database cannot be used as it should be. `unreachable`: it does not answer. `starting`: the node has not read
 * it yet. `unheard`: its changes do not reach this node. The other values say why writes fail. `read_only`: it is a
 * standby, or `default_transaction_read_only` is on. `full`: its disk is full. `no_connections`: it has no free
 * connection. `unwritable`: another reason, which the log names.
 */
export type Trouble = "unreachable" | "starting" | "unheard" | "read_only" | "full" | "no_connections" | "unwritable";

/** Counts calls for all nodes on one database together. */
export interface RateCounters {
  /**
   * Adds `points` to the time window of a key. Returns the sum of points in the window, these included, and how many
   * milliseconds the window still lasts. A window begins with its first call and lasts `windowMs` by the database's
   * clock; a clock that is set back does not make it longer. Rejects within 2 s, and at once while the database is
   * known to be out of reach.
   */
  count(key: string, points: number, windowMs: number): Promise<{ points: number; leftMs: number }>;
  /** Number of calls of `count` that were rejected. */
  readonly rejected: number;
}

/** What the database knows of a ticket, except the ticket itself. */
export interface StoredTicket {
  /** The SHA-256 of the token with which the ticket was made. */
  readonly tokenHash: Buffer;
  /** The id of the instance that the ticket opens. Null for a ticket for the whole account of the token. */
  readonly instanceId: string | null;
  /** The event types that the connection may get. Empty means all types. */
  readonly events: readonly string[];
}

/**
 * Keeps tickets by their SHA-256, for all nodes on one database. Both methods reject within 8 s when the database is
 * out of reach.
 */
export interface TicketStore {
  /** Stores a ticket, which can be redeemed for `ttlSeconds`. Returns when the ticket ends, by the database's clock. */
  add(hash: Buffer, ticket: StoredTicket, ttlSeconds: number): Promise<Date>;
  /**
   * Removes a ticket and returns what it was for. Undefined when the ticket is unknown, has ended, or was redeemed
   * before. Of any number of calls at the same time, on any nodes, one gets the ticket. After a rejection the ticket may
   * be used up.
   */
  redeem(hash: Buffer): Promise<StoredTicket | undefined>;
}
