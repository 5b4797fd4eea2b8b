/** The directory by which the socket of the embedded PostgreSQL is reached. */

import { closeSync, constants, existsSync, openSync } from "node:fs";
import { join } from "node:path";

/** The port names the socket's file. It is no port of a network. */
export const socketPort = 5432;

/** Longest path of a socket on Linux. */
const pathBytesMax = 107;

export interface SocketDirectory {
  /** The host for a connection, in this process and in others of the same user, until this is closed. */
  readonly path: string;
  close(): void;
}

/**
 * PostgreSQL puts its socket into its working directory, whose mode is 0700. When the path is too long for a socket,
 * the directory is held open and reached through /proc. So the socket need not stand elsewhere, where other users could
 * replace it.
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
