/** Accounts and instances in memory, each with its token. There may be a million of them: they have few fields. */

import type { Instance, Principal } from "../domain/instance.js";
import type { Websocket } from "../domain/websocket.js";
import type { Entry } from "./directory.js";
import { PartedMap } from "./parted-map.js";
import type { OpenToken } from "./replica.js";

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
  readonly instances = new PartedMap<InstanceEntry>();
  principal: TokenPrincipal | undefined;
  ended = false;
  /** The reading that saw it last. */
  seen = 0;

  constructor(
    readonly id: string,
    public hash: string,
    readonly opener: { readonly open: OpenToken },
  ) {}
}

export class InstanceEntry implements Entry {
  websocket: Websocket | undefined;
  principal: TokenPrincipal | undefined;
  /** The reading that saw it last. */
  seen = 0;
  /** Made when somebody wants it. */
  #instance: Instance | undefined;

  constructor(
    readonly account: AccountNode,
    readonly id: string,
    public name: string,
    public hash: string,
    /** The token as it is kept, one character per byte. */
    public sealed: string,
  ) {}

  get kind(): "instance" {
    return "instance";
  }

  /** Of an entry that `opens`. */
  get instance(): Instance {
    this.#instance ??= { id: this.id, accountId: this.account.id, name: this.name, token: this.#open() };
    return this.#instance;
  }

  /** Whether its token can be decrypted; `failed` hears why not. */
  opens(failed: (error: unknown) => void): boolean {
    try {
      return this.instance !== undefined;
    } catch (error) {
      failed(error);
      return false;
    }
  }

  /** Another name, another token, or both. */
  replace(name: string, sealed: string): void {
    this.name = name;
    this.sealed = sealed;
    this.#instance = undefined;
  }

  #open(): string {
    return this.account.opener.open(Buffer.from(this.sealed, "latin1"), this.id);
  }
}

/** Made for the first who comes with the token: of most tokens nobody does. */
export function principalOf(owner: AccountNode | InstanceEntry): TokenPrincipal {
  owner.principal ??= new TokenPrincipal(owner, owner.hash);
  return owner.principal;
}
