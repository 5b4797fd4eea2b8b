/** Accounts, and the instances that somebody asked for, each with its token. */

import type { Instance, Principal } from "../domain/instance.js";
import type { Websocket } from "../domain/websocket.js";
import type { Entry } from "./directory.js";
import type { InstanceRow } from "./instance-rows.js";
import { PartedMap } from "./parted-map.js";

export class TokenPrincipal implements Principal {
  /** On the clock of `performance.now()`; set when another token has taken its place and this one goes on for a while. */
  endsAt = Number.POSITIVE_INFINITY;
  endTimer: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(
    readonly owner: AccountNode | InstanceEntry,
    /** Of its token, one character per byte: a quarter of what a Buffer takes. */
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

  /** With its account at once, however long it takes to tell everybody. */
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
  /** By name, those that somebody asked for. */
  readonly used = new PartedMap<InstanceEntry>();
  principal: TokenPrincipal | undefined;
  ended = false;
  /** The reading that saw it last. */
  seen = 0;

  constructor(
    readonly id: string,
    /** Stands for it in the rows of its instances. */
    readonly number: number,
    public hash: string,
  ) {}
}

/** An instance that somebody asked for; of all others there is only a row. */
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

  /** Only of an entry that was `opened`. */
  get instance(): Instance {
    if (this.#instance === undefined) throw new Error(`the instance ${this.id} was not opened`);
    return this.#instance;
  }

  /** `open` decrypts its token, and is asked once for each that it has. */
  opened(open: (entry: InstanceEntry) => string | undefined): this | undefined {
    if (this.#instance !== undefined) return this;
    const token = open(this);
    if (token === undefined) return undefined;
    this.#instance = { id: this.id, accountId: this.account.id, name: this.name, token };
    return this;
  }

  /** Its row says something else now. */
  replace(row: number, { name, websocket }: Pick<InstanceRow, "name" | "websocket">): void {
    this.row = row;
    this.name = name;
    this.websocket = websocket;
    this.#instance = undefined;
  }
}

/** Made for the first who comes with the token: of most tokens nobody does. */
export function principalOf(owner: AccountNode | InstanceEntry): TokenPrincipal {
  owner.principal ??= new TokenPrincipal(owner, owner.hash);
  return owner.principal;
}
