/** Finds the account or instance that a token speaks for, and reports each token that stops being valid. */

import { timingSafeEqual } from "node:crypto";
import type { Principal } from "../domain/instance.js";
import { hashTokenText } from "../domain/token.js";
import { type AccountNode, type InstanceEntry, principalOf, TokenPrincipal } from "./owners.js";
import { PartedMap } from "./parted-map.js";
import type { RetiringToken } from "./synced-directory.js";

type Owner = AccountNode | InstanceEntry;

/** Most tokens whose principals are remembered in `#recent`. When it is full, the table forgets all of them. */
const recentMax = 1024;

export class TokenTable {
  /**
   * By hash: the account of a current account token, or the principal of a token that was replaced and is still
   * accepted.
   */
  readonly #known = new PartedMap<AccountNode | TokenPrincipal>();
  /**
   * Principals of tokens that were used lately, by the token as plain text, because hashing a token costs more than all
   * other steps of an admission. Some of the principals may be revoked, and are then not returned.
   */
  readonly #recent = new Map<string, TokenPrincipal>();
  /** For each owner, its tokens that were replaced and are still accepted for a while. */
  readonly #retiring = new Map<Owner, readonly TokenPrincipal[]>();
  readonly #instanceOf: (hash: string) => InstanceEntry | undefined;
  readonly #tell: (revoked: Principal) => void;

  /**
   * `instanceOf` finds the instance of a current token by the token's hash. `tell` is called for each token that stops
   * being valid, except where `remove` says otherwise.
   */
  constructor(instanceOf: (hash: string) => InstanceEntry | undefined, tell: (revoked: Principal) => void) {
    this.#instanceOf = instanceOf;
    this.#tell = tell;
  }

  /** The principal of a valid token. Undefined when the token is unknown or no longer valid. */
  principal(token: string): Principal | undefined {
    const recent = this.#recent.get(token);
    if (recent !== undefined && !recent.revoked) return recent;
    const found = this.principalByHash(hashTokenText(token));
    if (found === undefined) return undefined;
    if (this.#recent.size >= recentMax) this.#recent.clear();
    this.#recent.set(token, found);
    return found;
  }

  /** The principal of the valid token with this hash. Undefined when there is none. */
  principalByHash(hash: string): TokenPrincipal | undefined {
    const known = this.#known.get(hash) ?? this.#instanceOf(hash);
    if (known === undefined || !sameHash(hash, known.hash)) return undefined;
    const found = known instanceof TokenPrincipal ? known : principalOf(known);
    return found.revoked ? undefined : found;
  }

  /**
   * Adds the tokens of a new owner: its current token, and in `retiring` its replaced tokens that are still accepted.
   * The current token of an instance is found by `instanceOf`, so it is not added.
   */
  add(owner: Owner, retiring: readonly RetiringToken[] | undefined): void {
    if (owner.kind === "account") this.#known.set(owner.hash, owner);
    if (retiring !== undefined) this.#retire(owner, [], retiring);
  }

  /**
   * Takes over the current token of an owner, given by its hash, and the replaced tokens that are still accepted. Any
   * earlier token that is not among them ends at once and is reported. Returns whether the owner has another current
   * token than before.
   */
  update(owner: Owner, hash: string, retiring: readonly RetiringToken[] = []): boolean {
    const rotated = owner.hash !== hash;
    if (!rotated && retiring.length === 0 && !this.#retiring.has(owner)) return false;
    const before = [...(this.#retiring.get(owner) ?? [])];
    if (rotated) {
      before.push(principalOf(owner));
      owner.hash = hash;
      owner.principal = undefined;
      if (owner.kind === "account") this.#known.set(hash, owner);
    }
    this.#retire(owner, before, retiring);
    return rotated;
  }

  /** Whether the owner has a replaced token that is still accepted. */
  hasRetiring(owner: Owner): boolean {
    return this.#retiring.has(owner);
  }

  /**
   * Ends all tokens of an owner that is gone. With `tell`, reports each of them as revoked. Without `tell`, the end of
   * the owner is reported in another way.
   */
  remove(owner: Owner, tell: boolean): void {
    const ended = [principalOf(owner), ...(this.#retiring.get(owner) ?? [])];
    this.#retiring.delete(owner);
    for (const principal of ended) this.#end(principal);
    if (tell) for (const principal of ended) this.#tell(principal);
  }

  /**
   * Lets each token in `wanted` be accepted until its end, and then ends and reports it. Each token in `before` that is
   * not in `wanted` ends and is reported at once.
   */
  #retire(owner: Owner, before: readonly TokenPrincipal[], wanted: readonly RetiringToken[]): void {
    const kept = wanted.map(({ tokenHash, endsInMs }) => {
      const hash = toHashText(tokenHash);
      const principal = before.find((known) => known.hash === hash) ?? new TokenPrincipal(owner, hash);
      principal.endsAt = performance.now() + endsInMs;
      clearTimeout(principal.endTimer);
      principal.endTimer = setTimeout(() => this.#expire(owner, principal), endsInMs).unref();
      this.#known.set(hash, principal);
      return principal;
    });
    if (kept.length > 0) this.#retiring.set(owner, kept);
    else this.#retiring.delete(owner);
    const ended = before.filter((principal) => !kept.includes(principal));
    for (const principal of ended) this.#end(principal);
    for (const principal of ended) this.#tell(principal);
  }

  #expire(owner: Owner, principal: TokenPrincipal): void {
    const kept = (this.#retiring.get(owner) ?? []).filter((other) => other !== principal);
    if (kept.length > 0) this.#retiring.set(owner, kept);
    else this.#retiring.delete(owner);
    this.#end(principal);
    this.#tell(principal);
  }

  #end(principal: TokenPrincipal): void {
    principal.end();
    const { hash, owner } = principal;
    const known = this.#known.get(hash);
    const current = known === owner && owner.hash === hash && owner.principal !== principal;
    // Another owner may have got the same token in the same reading of the database. The entry in `#known` then belongs
    // to that owner and stays.
    if (known === principal || (known === owner && !current)) this.#known.delete(hash);
  }
}

/** Turns a hash into text with one character per byte, for the key of a map. */
export function toHashText(hash: Uint8Array): string {
  return Buffer.from(hash.buffer, hash.byteOffset, hash.byteLength).toString("latin1");
}

const compared = [Buffer.alloc(32), Buffer.alloc(32)] as const;

/**
 * Compares two hashes in constant time. The comparison uses two buffers again and again, because making new ones would
 * cost three times as much.
 */
function sameHash(a: string, b: string): boolean {
  const [left, right] = compared;
  left.write(a, "latin1");
  right.write(b, "latin1");
  return timingSafeEqual(left, right);
}
