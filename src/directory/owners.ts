/** The owners of tokens: accounts, and the instances that somebody asked for. */

import type { Instance, Principal } from "../domain/instance.js";
import type { Websocket } from "../domain/websocket.js";
import type { Entry } from "./directory.js";
import type { InstanceRow } from "./instance-rows.js";
import { PartedMap } from "./parted-map.js";

export class TokenPrincipal implements Principal {
  /**
   * When the token ends, on the clock of `performance.now()`. Set when another token has replaced it and it is still
   * accepted for a while.
   */
  endsAt = Number.POSITIVE_INFINITY;
  endTimer: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(
    readonly owner: AccountNode | InstanceEntry,
    /** Hash of the token, one character per byte: that takes a quarter of the memory of a Buffer. */
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

  /** True at once when the account ends, however long it takes to tell the holders of its tokens. */
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
  /** The instances of the account that somebody asked for, by name. */
  readonly used = new PartedMap<InstanceEntry>();
  principal: TokenPrincipal | undefined;
  ended = false;
  /** The reading that saw the account last. */
  seen = 0;

  constructor(
    readonly id: string,
    /** Names the account in the rows of its instances. */
    readonly number: number,
    public hash: string,
  ) {}
}

/** An instance that somebody asked for. Every other instance is only a row. */
export class InstanceEntry implements Entry {
  readonly kind = "instance";
  readonly id: string;
  name: string;
  hash: string;
  websocket: Websocket | undefined;
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

  /** Throws when the entry was not `opened` before. */
  get instance(): Instance {
    if (this.#instance === undefined) throw new Error(`the instance ${this.id} was not opened`);
    return this.#instance;
  }

  /**
   * Makes the instance with its token in clear. `open` decrypts the token, and is called once for each token of the
   * entry.
   */
  opened(open: (entry: InstanceEntry) => string | undefined): this | undefined {
    if (this.#instance !== undefined) return this;
    const token = open(this);
    if (token === undefined) return undefined;
    this.#instance = { id: this.id, accountId: this.account.id, name: this.name, token };
    return this;
  }

  /** Takes over the new content of the instance's row. */
  replace(row: number, { name, websocket }: Pick<InstanceRow, "name" | "websocket">): void {
    this.row = row;
    this.name = name;
    this.websocket = websocket;
    this.#instance = undefined;
  }
}

/** The principal of an owner's token. It is made when the token is first used, since most tokens never are. */
export function principalOf(owner: AccountNode | InstanceEntry): TokenPrincipal {
  owner.principal ??= new TokenPrincipal(owner, owner.hash);
  return owner.principal;
}
