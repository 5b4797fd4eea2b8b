/** Writes secrets into files that only their owner may read, and reads them. */

import { linkSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";

/**
 * Writes a secret into a file, unless the file exists; then nothing changes. The complete file is written under another
 * name and then linked into place. So when several processes do this at once, the first secret stays.
 */
export function keepSecret(file: string, secret: string): void {
  const made = `${file}.${process.pid}`;
  try {
    rmSync(made, { force: true });
    writeFileSync(made, `${secret}\n`, { mode: 0o600, flag: "wx", flush: true });
    linkSync(made, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    rmSync(made, { force: true });
  }
}

/**
 * Reads the secret in a file, without the white space around it. Throws a sentence when the file cannot be read, is
 * empty, or is open to other users of the machine.
 */
export function readSecret(file: string): string {
  const { secret, mode } = readWithMode(file);
  if ((mode & 0o077) !== 0) {
    const open = (mode & 0o777).toString(8);
    throw new Error(`The file ${file} is open to other users, with the mode ${open}: close it (chmod 600 ${file}).`);
  }
  if (secret === "") throw new Error(`The file ${file} is empty.`);
  return secret;
}

function readWithMode(file: string): { readonly secret: string; readonly mode: number } {
  try {
    return { secret: readFileSync(file, "utf8").trim(), mode: statSync(file).mode };
  } catch (cause) {
    throw new Error(`The file ${file} cannot be read: ${(cause as Error).message}.`, { cause });
  }
}
