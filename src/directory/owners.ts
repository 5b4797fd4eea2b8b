/**
 * The owners of tokens, which are accounts and those instances that somebody has asked for, and the principals of their
 * tokens.
 */

import type { Instance, Principal } from "../domain/instance.js";
import type { WebhookFilter } from "../domain/webhook.js";
import type { VersionedWebsocket } from "../domain/websocket.js";
import type { Entry } from "./directory.js";
import type { InstanceRow } from "./instance-rows.js";
import { PartedMap } from "./parted-map.js";

export class TokenPrincipal implements Principal {
  /**
   * When the token ends, on the clock of `performance.now()`. Infinity for a current token. A token that was replaced
   * may be accepted for a while, and then has an end.
   */
  endsAt = Number.POSITIVE_INFINITY;
  endTimer: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(
    readonly owner: AccountNode | InstanceEntry,
    /** SHA-256 of the token as text with one character per byte, which takes a quarter of the memory of a Buffer. */
    readonly hash: string,
  ) {}

  get kind(): Principal["kind"] {
    return this.owner.kind;
  }

  get id(): string {
    return this.owner.id;
  }

  get accountId(): string {
    return this.owner.account.id;
  }

  /**
   * Whether the token has stopped being valid. True as soon as its account is revoked or its end has passed, although
   * the holders of open sockets may hear of that later.
   */
  get revoked(): boolean {
    if (this.#ended || this.owner.account.ended) return true;
    return this.endsAt !== Number.POSITIVE_INFINITY && performance.now() >= this.endsAt;
  }

  /** Makes the token invalid at once. A second call does nothing. */
  end(): void {
    this.#ended = true;
    clearTimeout(this.endTimer);
  }
}

export class AccountNode {
  readonly kind = "account";
  readonly account: AccountNode = this;
  /** The instances of this account that somebody has asked for, by name. All other instances are only rows of bytes. */
  readonly used = new PartedMap<InstanceEntry>();
  principal: TokenPrincipal | undefined;
  ended = false;
  /** The number of the last reading of the database that found the account. */
  seen = 0;

  constructor(
    readonly id: string,
    /** The number that stands for the account in the rows of its instances. */
    readonly number: number,
    public hash: string,
    /** How often an operator has disconnected the consumers of the account. */
    public disconnects: number,
  ) {}
}

/** An instance that somebody asked for. Every other instance is only a row of bytes. */
export class InstanceEntry implements Entry {
  readonly kind = "instance";
  readonly id: string;
  name: string;
  hash: string;
  /** How often an operator has disconnected the consumers of the instance. */
  disconnects: number;
  websocket: VersionedWebsocket | undefined;
  webhooks: readonly WebhookFilter[] | undefined;
  principal: TokenPrincipal | undefined;
  #instance: Instance | undefined;

  constructor(
    readonly account: AccountNode,
    public row: number,
    { id, name, hash, disconnects, websocket, webhooks }: InstanceRow,
  ) {
    this.id = id;
    this.disconnects = disconnects;
    this.name = name;
    this.hash = hash;
    this.websocket = websocket;
    this.webhooks = webhooks;
  }

  /**
   * The instance with its token as plain text. Throws when `opened` has not decrypted the token, and after `replace`
   * until `opened` is called again.
   */
  get instance(): Instance {
    if (this.#instance === undefined) throw new Error(`the instance ${this.id} was not opened`);
    return this.#instance;
  }

  /**
   * Decrypts the token with `open` and makes `instance`, unless that is done already. Undefined when `open` cannot
   * decrypt the token; the next call tries again.
   */
  opened(open: (entry: InstanceEntry) => string | undefined): this | undefined {
    if (this.#instance !== undefined) return this;
    const token = open(this);
    if (token === undefined) return undefined;
    this.#instance = { id: this.id, accountId: this.account.id, name: this.name, token };
    return this;
  }

  /**
   * Takes over the new values and the new row of an instance that has changed. The token must then be decrypted again
   * by `opened`.
   */
  replace(row: number, { name, disconnects, websocket, webhooks }: Omit<InstanceRow, "id" | "hash">): void {
    this.row = row;
    this.disconnects = disconnects;
    this.name = name;
    this.websocket = websocket;
    this.webhooks = webhooks;
    this.#instance = undefined;
  }
}

/** The principal of an owner's current token. It is made at the first call, because most tokens are never used. */
export function principalOf(owner: AccountNode | InstanceEntry): TokenPrincipal {
  owner.principal ??= new TokenPrincipal(owner, owner.hash);
  return owner.principal;
}
