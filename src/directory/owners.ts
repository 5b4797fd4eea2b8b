/** The owners of tokens: accounts, and those instances that somebody has asked for. */

import type { Instance, Principal } from "../domain/instance.js";
import type { VersionedWebsocket } from "../domain/websocket.js";
import type { Entry } from "./directory.js";
import type { InstanceRow } from "./instance-rows.js";
import { PartedMap } from "./parted-map.js";

export class TokenPrincipal implements Principal {
  /**
   * When the token ends, on the clock of `performance.now()`. Infinity for a current token. A token that was replaced
   * may be accepted for a while and then ends.
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
   * Whether the token has stopped being valid. True as soon as its account is revoked, although the holders of open
   * sockets may hear of it later.
   */
  get revoked(): boolean {
    if (this.#ended || this.owner.account.ended) return true;
    return this.endsAt !== Number.POSITIVE_INFINITY && performance.now() >= this.endsAt;
  }

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
    /** The number by which the rows of its instances name the account. */
    readonly number: number,
    public hash: string,
  ) {}
}

/** An instance that somebody asked for. Every other instance is only a row of bytes. */
export class InstanceEntry implements Entry {
  readonly kind = "instance";
  readonly id: string;
  name: string;
  hash: string;
  websocket: VersionedWebsocket | undefined;
  principal: TokenPrincipal | undefined;
  #instance: Instance | undefined;

  constructor(
    readonly account: AccountNode,
    public row: number,
    { id, name, hash, websocket }: InstanceRow,
  ) {
    this.id = id;
    this.name = name;
    this.hash = hash;
    this.websocket = websocket;
  }

  /** The instance with its token as plain text. Throws when `opened` was not called before. */
  get instance(): Instance {
    if (this.#instance === undefined) throw new Error(`the instance ${this.id} was not opened`);
    return this.#instance;
  }

  /**
   * Decrypts the token with `open` and makes the instance, unless that is done already. Undefined when the token cannot
   * be decrypted.
   */
  opened(open: (entry: InstanceEntry) => string | undefined): this | undefined {
    if (this.#instance !== undefined) return this;
    const token = open(this);
    if (token === undefined) return undefined;
    this.#instance = { id: this.id, accountId: this.account.id, name: this.name, token };
    return this;
  }

  /** Takes over new values, and the new row, when the instance has changed. */
  replace(row: number, { name, websocket }: Pick<InstanceRow, "name" | "websocket">): void {
    this.row = row;
    this.name = name;
    this.websocket = websocket;
    this.#instance = undefined;
  }
}

/**
 * The principal of an owner's current token. It is made when the token is first used, because most tokens never are.
 */
export function principalOf(owner: AccountNode | InstanceEntry): TokenPrincipal {
  owner.principal ??= new TokenPrincipal(owner, owner.hash);
  return owner.principal;
}
