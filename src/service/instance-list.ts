/**
 * Lists the instances of an account. The list is read from the database in slices of 250 instances, because a long list
 * could take too long for one turn of the event loop.
 */

import { AppError } from "../domain/errors.js";
import type { Principal } from "../domain/instance.js";
import type { InstanceChoice, InstanceListing, ListPosition, Store } from "../store/store.js";
import { failingAs } from "./failure.js";
import type { InstanceStatus } from "./instance-status.js";
import { readCursor, writeCursor } from "./list-cursor.js";
import { createTurns } from "./turns.js";

/** Number of instances in a slice. Reading and encoding a slice takes some milliseconds. */
const sliceRows = 250;
/**
 * Longest list that is read as a whole before the answer begins, in instances. The rest of a longer list is read while
 * it is sent.
 */
const wholeMax = 1_000;
const namesMax = 10_000;
/**
 * Longest name, in JavaScript's characters. A name has at most 100 characters, and JavaScript counts some of them as
 * two.
 */
const nameLengthMax = 200;

export interface ListQuestion {
  /**
   * Names of the wanted instances, as the caller gave them. One text may hold several names with commas between them:
   * see `splitNames`. Without names, all instances are wanted. For the token of an instance the names are ignored.
   */
  readonly names: readonly string[];
  /** Most instances on a page, 1 to 1,000. Undefined means all instances. */
  readonly limit?: number | undefined;
  /**
   * The `nextCursor` of the page before. Empty means the start of the list. A text that is no such cursor is refused.
   */
  readonly cursor: string;
}

export interface InstanceList {
  /** Number of wanted instances, on all pages together. */
  readonly total: number;
  readonly listings: readonly InstanceListing[];
  /** The cursor of the next page. Present when the caller gave a limit and more instances follow. */
  readonly nextCursor: string | undefined;
  /**
   * The instances after `listings`, for a list without a limit that has more than 1,000. They are read while the caller
   * takes them, so memory holds one slice of them at most.
   */
  readonly rest: AsyncIterable<readonly InstanceListing[]> | undefined;
}

export type ListInstances = (principal: Principal, question: ListQuestion) => Promise<InstanceList>;

export function createInstanceList({ store, status }: { store: Store; status: InstanceStatus }): ListInstances {
  /**
   * Of the lists that are asked for at the same time, only one reads a slice at a time; the others queue. So all lists
   * together use the memory of one slice, and hold the event loop for one slice at a time.
   */
  const turns = createTurns();

  async function read(accountId: string, only: InstanceChoice, after: ListPosition | undefined, limit: number) {
    const page = { ...only, after, limit };
    return turns.take(async () => {
      const pending = status.pending();
      const listings = await failingAs("LIST_INSTANCES_FAILED", store.listInstances(accountId, page));
      return listings.map((listing) => ({ ...listing, ...pending(listing.instance.id) }));
    });
  }

  async function* slices(accountId: string, only: InstanceChoice, after: ListPosition | undefined, max: number) {
    for (let left = max; left > 0; ) {
      const asked = Math.min(left, sliceRows);
      const listings = await read(accountId, only, after, asked);
      if (listings.length > 0) yield listings;
      if (listings.length < asked) return;
      left -= asked;
      after = listings.at(-1)?.position;
    }
  }

  /**
   * Splits texts at their commas into names, each once. A text that is the exact name of an instance stays whole.
   * Rejects with INVALID_REQUEST_BODY for more than 10,000 names.
   */
  async function splitNames(accountId: string, values: readonly string[]): Promise<string[]> {
    const exact = values.filter((value) => value.includes(",") && isPossibleName(value));
    const known =
      exact.length === 0 ? new Set() : await failingAs("LIST_INSTANCES_FAILED", store.existingNames(accountId, exact));
    const names = values.flatMap((value) =>
      known.has(value)
        ? [value]
        : value
            .split(",")
            // No name begins or ends with a space, so the list `a, b` means the names `a` and `b`.
            .map((name) => name.trim())
            .filter((name) => name !== ""),
    );
    const asked = [...new Set(names)];
    if (asked.length > namesMax) {
      const rule = `must hold at most ${namesMax.toLocaleString("en")} names`;
      throw new AppError("INVALID_REQUEST_BODY", { field: "instanceName", rule });
    }
    return asked;
  }

  async function choose({ kind, id, accountId }: Principal, values: readonly string[]): Promise<InstanceChoice> {
    if (kind === "instance") return { id };
    const asked = await splitNames(accountId, values);
    return asked.length === 0 ? {} : { names: asked };
  }

  return async (principal, { names: values, limit, cursor }) => {
    const { accountId } = principal;
    const begin = readCursor(cursor);
    const { names, id } = await choose(principal, values);
    const only = { names: names?.filter(isPossibleName), id };
    const wanted = limit ?? wholeMax;
    // One instance more than the page holds is read, to learn whether more instances follow.
    const found: InstanceListing[] = [];
    for await (const slice of slices(accountId, only, begin, wanted + 1)) found.push(...slice);
    const more = found.length > wanted;
    const listings = more ? found.slice(0, wanted) : found;
    const last = listings.at(-1)?.position;
    const total =
      more || begin !== undefined
        ? await failingAs("LIST_INSTANCES_FAILED", store.countInstances(accountId, only))
        : listings.length;
    if (names?.length === 1 && total === 0) throw new AppError("INSTANCE_NOT_FOUND");
    return {
      total,
      listings,
      nextCursor: more && limit !== undefined && last !== undefined ? writeCursor(last) : undefined,
      rest: more && limit === undefined ? slices(accountId, only, last, Number.POSITIVE_INFINITY) : undefined,
    };
  };
}

/**
 * False for a name that no instance can have: an empty one, one that is much too long, and one with U+0000.
 * PostgreSQL's text cannot hold U+0000, and a query with such a name would fail.
 */
export function isPossibleName(name: string): boolean {
  return name.length > 0 && name.length <= nameLengthMax && !name.includes("\0");
}
