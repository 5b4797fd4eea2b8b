/** Writes files that only their owner may read. */

import { linkSync, rmSync, writeFileSync } from "node:fs";

/**
 * Writes a secret into a file, unless the file exists. The complete file is written under another name and then linked
 * into place. So when several processes do this at once, the first secret stays.
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
