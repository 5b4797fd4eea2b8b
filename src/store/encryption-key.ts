/** The key that tokens are sealed with: the setting, or a file in the data directory that is made at the first start. */

import { randomBytes } from "node:crypto";
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { useDataDirectory } from "./data-directory.js";

const keyBytes = 32;

export function readEncryptionKey(dataDirectory: string): Promise<Buffer> {
  return useDataDirectory(dataDirectory, (root) => readOrMakeKey(keyFile(root)));
}

/** A key beside the one in force: that of a rotation which was cut short, or a fresh one. */
export function prepareNextKey(dataDirectory: string): Promise<Buffer> {
  return useDataDirectory(dataDirectory, (root) => readOrMakeKey(`${keyFile(root)}.new`));
}

/** Puts the next key in force, and keeps the one before beside it. Resolves to the key file. */
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

function readOrMakeKey(file: string): Buffer {
  return readKey(file) ?? makeKey(file);
}

function readKey(file: string): Buffer | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8").trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  if (!/^[0-9a-f]{64}$/i.test(text))
    throw new Error(`The key file ${file} must hold ${keyBytes * 2} hexadecimal digits.`);
  return Buffer.from(text, "hex");
}

/** Linked into place when it is complete: of several starts at once, all use the key of the first. */
function makeKey(file: string): Buffer {
  const made = `${file}.${process.pid}`;
  try {
    writeFileSync(made, `${randomBytes(keyBytes).toString("hex")}\n`, { mode: 0o600, flush: true });
    linkSync(made, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    rmSync(made, { force: true });
  }
  return readKey(file) as Buffer;
}
