/** Where the socket of the embedded PostgreSQL is reached. */

import { closeSync, constants, existsSync, openSync } from "node:fs";
import { join } from "node:path";

/** It names the socket's file, and nothing on a network. */
export const socketPort = 5432;

/** What the address of a socket has room for on Linux. */
const pathBytesMax = 107;

export interface SocketDirectory {
  /** For the host of a connection, in this process and others of its user, until it is closed. */
  readonly path: string;
  close(): void;
}

/**
 * PostgreSQL puts its socket into the directory that it works in, whose mode is 0700. A path that is too long is
 * replaced by the directory itself, held open: nothing has to be put elsewhere, where others could take its place.
 */
export function openSocketDirectory(data: string): SocketDirectory {
  if (Buffer.byteLength(join(data, `.s.PGSQL.${socketPort}`)) <= pathBytesMax) return { path: data, close: () => {} };
  const held = openSync(data, constants.O_RDONLY | constants.O_DIRECTORY);
  const path = `/proc/${process.pid}/fd/${held}`;
  if (!existsSync(path)) {
    closeSync(held);
    throw new Error(
      `The data directory of PostgreSQL, ${data}, has too long a name for a socket: set a shorter DATA_DIR.`,
    );
  }
  return { path, close: () => closeSync(held) };
}
