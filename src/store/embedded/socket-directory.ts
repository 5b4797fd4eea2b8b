/** Finds the path by which clients reach the socket of the embedded PostgreSQL. */

import { closeSync, constants, existsSync, openSync } from "node:fs";
import { join } from "node:path";

/** The number in the name of the socket's file. It is no port of a network. */
export const socketPort = 5432;

/** Longest path of a socket on Linux, in bytes. */
const pathBytesMax = 107;

export interface SocketDirectory {
  /**
   * The host to name in a connection to the socket. Other processes of the same user can use it too, until `close` is
   * called.
   */
  readonly path: string;
  /** Gives the directory back if it was held open. Call it once. */
  close(): void;
}

/**
 * Finds the host for the socket, which PostgreSQL puts into its working directory `data`. When the path of the socket
 * would be too long, the directory is held open and reached through /proc. Throws a sentence when there is no /proc.
 * The socket does not stand elsewhere, because other users could replace it there.
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
