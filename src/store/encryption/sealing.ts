/**
 * Encrypts instance tokens in the database. A hash is not enough, because every frame carries the token of its
 * instance.
 */

import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

export interface Sealer {
  /** Encrypts the token. `owner` binds the result to its row: copied to another row, it cannot be opened. */
  seal(text: string, owner: string): Buffer;
  /** Decrypts the token. Throws when it was encrypted with another key or for another owner. */
  open(sealed: Uint8Array, owner: string): string;
}

const algorithm = "aes-256-gcm";
const nonceBytes = 12;
const tagBytes = 16;

/** `read` is called each time, because the key may be known only after the database has been seen. */
export function createSealer(given: Buffer | (() => Buffer)): Sealer {
  const key = typeof given === "function" ? given : () => given;
  return {
    seal(text, owner) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv(algorithm, key(), nonce, { authTagLength: tagBytes }).setAAD(Buffer.from(owner));
      const sealed = [cipher.update(text, "utf8"), cipher.final()];
      return Buffer.concat([nonce, cipher.getAuthTag(), ...sealed]);
    },
    open(sealed, owner) {
      const decipher = createDecipheriv(algorithm, key(), sealed.subarray(0, nonceBytes), { authTagLength: tagBytes })
        .setAAD(Buffer.from(owner))
        .setAuthTag(sealed.subarray(nonceBytes, nonceBytes + tagBytes));
      return decipher.update(sealed.subarray(nonceBytes + tagBytes), undefined, "utf8") + decipher.final("utf8");
    },
  };
}
