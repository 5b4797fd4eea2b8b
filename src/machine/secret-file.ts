/** Files that only their owner may read. */

import { linkSync, rmSync, writeFileSync } from "node:fs";

/**
 * Writes the complete file first and then links it into place. Of several processes at once, all get the secret of the
 * first one.
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
