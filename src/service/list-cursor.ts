/**
 * Writes and reads cursors. A cursor is the position of the last instance of a page, as text. A client gives it back to
 * get the next page.
 */

import { AppError } from "../domain/errors.js";
import type { ListPosition } from "../store/store.js";

export function writeCursor({ createdAt, seq }: ListPosition): string {
  return Buffer.from(`${createdAt}.${seq}`).toString("base64url");
}

/**
 * Reads a cursor. Undefined for an empty cursor, which means the start of the list. Throws INVALID_REQUEST_BODY for a
 * text that `writeCursor` did not write.
 */
export function readCursor(cursor: string): ListPosition | undefined {
  if (cursor === "") return undefined;
  const [, createdAt, seq] = /^(\d{1,17})\.(\d{1,18})$/.exec(Buffer.from(cursor, "base64url").toString("latin1")) ?? [];
  if (createdAt === undefined || seq === undefined || writeCursor({ createdAt, seq }) !== cursor) {
    throw new AppError("INVALID_REQUEST_BODY", { field: "cursor", rule: "must be the nextCursor of an answer" });
  }
  return { createdAt, seq };
}
