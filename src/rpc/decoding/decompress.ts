/**
 * Decompresses a message piece by piece, and stops at the size limit, because a small message may decompress to very
 * many bytes.
 */

import { finished } from "node:stream";
import { createBrotliDecompress, createGunzip } from "node:zlib";
import type { Compression } from "@connectrpc/connect/protocol";
import { AppError } from "../../domain/errors.js";
import { Gather } from "../../wire/gather.js";
import type { Room } from "./room.js";

/** Largest piece of decompressed bytes. Each piece is copied within one turn of the event loop. */
const chunkSize = 64 * 1024;

const openers: Record<string, (options: { chunkSize: number }) => ReturnType<typeof createGunzip>> = {
  gzip: createGunzip,
  br: createBrotliDecompress,
};

/**
 * Decompresses a message. Rejects with `tooLarge()` when the result has more than `bytesMax` bytes. Rejects with
 * OVERLOADED when `room` has no memory left for the result, and with INVALID_REQUEST_BODY when the bytes are not
 * compressed in this way. The bytes of the result stay counted in `room` until the caller gives them back.
 */
export function decompress(
  message: Uint8Array,
  { name }: Compression,
  bytesMax: number,
  room: Room,
  tooLarge: () => AppError,
): Promise<Buffer> {
  const open = openers[name];
  if (open === undefined) throw new Error(`${name} is no compression of ours`);
  const stream = open({ chunkSize });
  const gather = new Gather(0, bytesMax);
  return new Promise((resolve, reject) => {
    stream.on("data", (piece: Buffer) => {
      if (gather.size + piece.length > bytesMax) stream.destroy(tooLarge());
      else if (room.grow(piece.length)) gather.add(piece);
      else stream.destroy(new AppError("OVERLOADED", { retryAfterSeconds: 1 }));
    });
    finished(stream, { writable: false }, (error) => {
      if (error == null) resolve(gather.whole());
      else if (error instanceof AppError) reject(error);
      else {
        const rule = `message must be compressed with ${name}`;
        reject(new AppError("INVALID_REQUEST_BODY", { cause: error, rule }));
      }
    });
    stream.end(message);
  });
}
