/**
 * A map for millions of entries. When it is large, it consists of parts that grow separately, because one large Map
 * would stop the process each time that it doubles.
 */

/**
 * Most entries that are kept in a single Map. With more, they are spread over 256 Maps once and for all, which takes
 * about a millisecond.
 */
const wholeMax = 8_192;
const partCount = 256;

export class PartedMap<V> {
  #whole: Map<string, V> | undefined = new Map();
  #parts: readonly Map<string, V>[] = [];

  get(key: string): V | undefined {
    return this.#of(key).get(key);
  }

  set(key: string, value: V): void {
    const map = this.#of(key);
    map.set(key, value);
    if (map === this.#whole && map.size > wholeMax) this.#split(map);
  }

  delete(key: string): boolean {
    return this.#of(key).delete(key);
  }

  /** All values of the map. The caller may delete entries while it walks through the values. */
  *values(): Generator<V> {
    if (this.#whole !== undefined) yield* this.#whole.values();
    for (const part of this.#parts) yield* part.values();
  }

  #of(key: string): Map<string, V> {
    return this.#whole ?? (this.#parts[partOf(key)] as Map<string, V>);
  }

  #split(whole: Map<string, V>): void {
    this.#parts = Array.from({ length: partCount }, () => new Map());
    this.#whole = undefined;
    for (const [key, value] of whole) this.#of(key).set(key, value);
  }
}

/**
 * Chooses the part of a key by the last four characters. These differ between the keys of a directory, which are
 * hashes, UUIDs, and names that end in a number.
 */
function partOf(key: string): number {
  const { length } = key;
  let mixed = 0;
  for (let at = Math.max(0, length - 4); at < length; at++) mixed = mixed * 31 + key.charCodeAt(at);
  return (mixed ^ (mixed >>> 8)) & (partCount - 1);
}
