/**
 * Provides the key that encrypts instance tokens, and a second key for a rotation. The key comes from ENCRYPTION_KEY,
 * or without that from a file in the data directory, which the first start of the service creates.
 */

import { randomBytes } from "node:crypto";
import { accessSync, constants, existsSync, linkSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { isSystemError, useDataDirectory } from "../../machine/data-directory.js";
import { keepSecret } from "../../machine/secret-file.js";

const keyBytes = 32;

export interface EncryptionKey {
  /** Returns the key. Throws while there is no key. */
  read(): Buffer;
  /**
   * Looks for the key, unless it is known. When there is none and the database was `neverUsed`, creates a key if this
   * process may. Resolves to false when there is still no key. Rejects when the key file cannot be used or created.
   */
  settle(neverUsed: boolean): Promise<boolean>;
}

export function givenKey(key: Buffer): EncryptionKey {
  return { read: () => key, settle: async () => true };
}

/**
 * Takes the key from the file in the data directory. With `mayMake`, `settle` may create a missing file. Rejects when
 * the file exists but is open to others, cannot be read, or holds no key. With `mayMake`, also rejects when the file is
 * missing and the directory cannot be written to.
 */
export async function keyFromFile(dataDirectory: string, mayMake: boolean): Promise<EncryptionKey> {
  const file = keyFile(resolve(dataDirectory));
  let key = readKey(file);
  if (key === undefined && mayMake) await useDataDirectory(dataDirectory, (root) => accessSync(root, constants.W_OK));
  return {
    read() {
      if (key === undefined)
        throw new Error("There is no encryption key yet: set ENCRYPTION_KEY or DATA_DIR as for the service.");
      return key;
    },
    async settle(neverUsed) {
      key ??= readKey(file);
      if (key === undefined && neverUsed && mayMake) key = await useDataDirectory(dataDirectory, () => makeKey(file));
      return key !== undefined;
    },
  };
}

export interface NextKey {
  readonly key: Buffer;
  /** Call this when the rotation was refused. It removes the new key, unless an earlier rotation had left that key. */
  discard(): void;
}

/**
 * Finds or creates the next key in a file beside the current one. A key that is found there was left by an interrupted
 * rotation, and may be in force in the database already.
 */
export function prepareNextKey(dataDirectory: string): Promise<NextKey> {
  return useDataDirectory(dataDirectory, (root) => {
    const file = `${keyFile(root)}.new`;
    const found = existsSync(file);
    const key = readKey(file) ?? makeKey(file);
    return { key, discard: () => found || rmSync(file, { force: true }) };
  });
}

/**
 * Makes the next key the current one, and keeps the previous key in a file beside it, in place of any older one.
 * Resolves to the path of the key file.
 */
export function adoptNextKey(dataDirectory: string): Promise<string> {
  return useDataDirectory(dataDirectory, (root) => {
    const file = keyFile(root);
    rmSync(`${file}.old`, { force: true });
    linkSync(file, `${file}.old`);
    renameSync(`${file}.new`, file);
    return file;
  });
}

function keyFile(root: string): string {
  return join(root, "encryption.key");
}

function readKey(file: string): Buffer | undefined {
  let text: string;
  try {
    requirePrivate(file);
    text = readFileSync(file, "utf8").trim();
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw new Error(`The key file ${file} cannot be read: ${error.message}.`, { cause: error });
  }
  if (!/^[0-9a-f]{64}$/i.test(text))
    throw new Error(`The key file ${file} must hold ${keyBytes * 2} hexadecimal digits.`);
  return Buffer.from(text, "hex");
}

/**
 * Throws when other users may read or change the key file. When the file belongs to root and this process is not root,
 * the group may read it. PostgreSQL has the same rule for the key of its certificate.
 */
function requirePrivate(file: string): void {
  const { uid, mode } = statSync(file);
  const others = uid === 0 && process.getuid?.() !== 0 ? 0o037 : 0o077;
  if ((mode & others) === 0) return;
  throw new Error(
    `The key file ${file} is open to other users, with the mode ${(mode & 0o777).toString(8)}: close it (chmod 600 ${file}), ` +
      "and if others may have read it, rotate the key (eventwire key rotate).",
  );
}

function makeKey(file: string): Buffer {
  keepSecret(file, randomBytes(keyBytes).toString("hex"));
  return readKey(file) as Buffer;
}
