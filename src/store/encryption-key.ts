/** The key that tokens are sealed with: the setting, or a file in the data directory that is made at the first start. */

import { randomBytes } from "node:crypto";
import { linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { useDataDirectory } from "./data-directory.js";

const keyBytes = 32;

export function readEncryptionKey(dataDirectory: string): Promise<Buffer> {
  return useDataDirectory(dataDirectory, (root) => {
    const file = join(root, "encryption.key");
    return readKey(file) ?? makeKey(file);
  });
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
