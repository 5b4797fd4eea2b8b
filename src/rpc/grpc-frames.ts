/** The length-prefixed messages of gRPC (5 bytes: flags, size), uncompressed. */

import { AppError } from "../domain/errors.js";

export const headBytes = 5;

export interface FrameReader {
  /** The messages that are complete now; views of what was read where possible. Throws AppError behind the good ones. */
  read(chunk: Buffer): Iterable<Buffer>;
  /** Throws AppError when a message is incomplete. */
  end(): void;
}

export function createFrameReader(messageBytesMax: number): FrameReader {
  let parts: Buffer[] = [];
  let length = 0;
  /** Joined only when a message is complete: a large one must not be copied once per chunk. */
  let needed = headBytes;

  return {
    *read(chunk) {
      parts.push(chunk);
      length += chunk.length;
      if (length < needed) return;
      const bytes = parts.length === 1 ? chunk : Buffer.concat(parts, length);
      let at = 0;
      needed = headBytes;
      while (bytes.length - at >= needed) {
        if (bytes[at] !== 0) throw unreadable("message must have a prefix with flags 0");
        const size = bytes.readUInt32BE(at + 1);
        if (size > messageBytesMax)
          throw new AppError("EVENT_TOO_LARGE", { rule: `message must be at most ${messageBytesMax} bytes` });
        needed = headBytes + size;
        if (bytes.length - at < needed) break;
        yield bytes.subarray(at + headBytes, at + needed);
        at += needed;
        needed = headBytes;
      }
      parts = at < bytes.length ? [bytes.subarray(at)] : [];
      length = bytes.length - at;
    },

    end() {
      if (length > 0) throw unreadable("message must be as long as its prefix says");
    },
  };
}

function unreadable(rule: string): AppError {
  return new AppError("INVALID_REQUEST_BODY", { rule });
}

export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(headBytes + message.length);
  frameHead(framed, 0, message.length);
  framed.set(message, headBytes);
  return framed;
}

/** Writes what stands in front of a message of `size` bytes. */
export function frameHead(bytes: Buffer, at: number, size: number): void {
  bytes[at] = 0;
  bytes.writeUInt32BE(size, at + 1);
}
