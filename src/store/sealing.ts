/** Encrypts instance tokens at rest: every frame carries its instance's token, so a hash does not do. */

import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

export interface Sealer {
  /** `owner` binds the text to its row: copied to another one, it does not open. */
  seal(text: string, owner: string): Buffer;
  /** Throws when it was sealed with another key or for another owner. */
  open(sealed: Uint8Array, owner: string): string;
}

const algorithm = "aes-256-gcm";
const nonceBytes = 12;
const tagBytes = 16;

/** A key that is not given is asked for each time: it may be known only when the database has been seen. */
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
