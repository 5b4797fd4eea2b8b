/** Makes the digests by which idempotency keys are stored and compared. A digest is the begin of a SHA-256, as a UUID. */

import { createHash, type Hash } from "node:crypto";
import { idOfBytes, idText } from "../domain/event-id.js";
import type { Instance } from "../domain/instance.js";
import { inSlices, type Sliceable } from "../json/slices.js";
import type { EventInput } from "./publishing.js";

/** Makes the digest of a key. Two instances never share a key. */
export function digestKey({ accountId, id }: Instance, key: string): string {
  return textOf(createHash("sha256").update(`${accountId}\n${id}\n${key}`));
}

/**
 * Makes the digest of everything that a producer sent of an event: type, bytes of data, bytes of media, and the time at
 * which it happened. Returns at once for an event of usual size, and a promise for a large one, which is read in slices
 * of 128 KiB.
 */
export function digestEvent({ event, data, media, occurredAt }: EventInput): string | Promise<string> {
  const hash = createHash("sha256");
  hash.update(`${event}\n${data.length}\n${media?.length ?? ""}\n${occurredAt ?? ""}\n`);
  const done = inSlices(new Hashing(hash, media === undefined ? [data] : [data, media]));
  return done === undefined ? textOf(hash) : done.then(() => textOf(hash));
}

class Hashing implements Sliceable {
  readonly #hash: Hash;
  readonly #parts: Uint8Array[];

  constructor(hash: Hash, parts: Uint8Array[]) {
    this.#hash = hash;
    this.#parts = parts;
  }

  run(bytesMax: number): boolean {
    let left = bytesMax;
    for (let part = this.#parts.shift(); part !== undefined; part = this.#parts.shift()) {
      this.#hash.update(part.subarray(0, left));
      if (part.length > left) {
        this.#parts.unshift(part.subarray(left));
        return false;
      }
      left -= part.length;
    }
    return true;
  }
}

function textOf(hash: Hash): string {
  return idText(idOfBytes(hash.digest()));
}
