/** The key that tokens are sealed with: the setting, or a file in the data directory that is made at the first start. */

import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const keyBytes = 32;

export function readEncryptionKey(dataDirectory: string): Buffer {
  const root = resolve(dataDirectory);
  const file = join(root, "encryption.key");
  try {
    return readKey(file) ?? makeKey(root, file);
  } catch (cause) {
    if (!(cause instanceof Error && "syscall" in cause)) throw cause;
    throw new Error(
      `The data directory ${root} can not be used: ${cause.message}. The encryption key is kept in it, unless ENCRYPTION_KEY is set.`,
      { cause },
    );
  }
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
function makeKey(root: string, file: string): Buffer {
  mkdirSync(root, { recursive: true, mode: 0o711 });
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
