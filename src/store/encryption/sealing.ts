/**
 * Encrypts instance tokens for the database. A hash would not be enough, because every frame contains the token of its
 * instance.
 */

import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

export interface Sealer {
  /**
   * Encrypts a token and binds the result to `owner`, the id of its row. Copied to another row, the result cannot be
   * decrypted.
   */
  seal(text: string, owner: string): Buffer;
  /** Decrypts a token. Throws when it was encrypted with another key or for another owner, or was changed. */
  open(sealed: Uint8Array, owner: string): string;
}

const algorithm = "aes-256-gcm";
const nonceBytes = 12;
const tagBytes = 16;

/**
 * Makes a Sealer. When `given` is a function, each use of the key calls it, because the key may become known only after
 * the database was read.
 */
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
