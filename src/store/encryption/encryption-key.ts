/** The key that encrypts tokens: the setting, or a file in the data directory that the first start creates. */

import { randomBytes } from "node:crypto";
import { accessSync, constants, existsSync, linkSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { isSystemError, useDataDirectory } from "../../machine/data-directory.js";
import { keepSecret } from "../../machine/secret-file.js";

const keyBytes = 32;

export interface EncryptionKey {
  /** The key. Throws while there is none. */
  read(): Buffer;
  /**
   * Decides which key is used. When there is none, creates one for a database that was `neverUsed`. False when there is
   * still none.
   */
  settle(neverUsed: boolean): Promise<boolean>;
}

export function givenKey(key: Buffer): EncryptionKey {
  return { read: () => key, settle: async () => true };
}

/**
 * Rejects when the key file exists and may not be used. With `mayMake` also rejects when the file is missing and cannot
 * be created.
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
  /** Call it when the rotation was refused: it removes the key if this call created it. */
  discard(): void;
}

/** A second key beside the current one: the key of a rotation that was interrupted, or a new one. */
export function prepareNextKey(dataDirectory: string): Promise<NextKey> {
  return useDataDirectory(dataDirectory, (root) => {
    const file = `${keyFile(root)}.new`;
    const found = existsSync(file);
    const key = readKey(file) ?? makeKey(file);
    return { key, discard: () => found || rmSync(file, { force: true }) };
  });
}

/** Puts the next key in force, and keeps the previous one beside it. Resolves to the name of the key file. */
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
 * Refuses a file that others may read. A file of root may be readable by the service's group. PostgreSQL has the same
 * rule for its certificate's key.
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
