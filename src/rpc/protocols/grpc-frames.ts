/**
 * Reads and writes the length-prefixed messages of gRPC. Each message follows a prefix of 5 bytes with flags and size.
 * This code does not decompress a message.
 */

import { compressedFlag } from "@connectrpc/connect/protocol";
import { AppError } from "../../domain/errors.js";
import { Gather } from "../../wire/gather.js";

export const headBytes = 5;

export interface FramedMessage {
  readonly compressed: boolean;
  readonly bytes: Buffer;
}

export interface FrameReader {
  /**
   * Returns the messages that this chunk completes. Where possible they are views of the chunk. Throws AppError at a
   * wrong prefix, after the messages before it were returned.
   */
  read(chunk: Buffer): Iterable<FramedMessage>;
  /** The caller calls `end` at the end of the body. Throws AppError when the last message is incomplete. */
  end(): void;
}

interface Prefix {
  readonly compressed: boolean;
  readonly size: number;
}

export function createFrameReader(messageBytesMax: number): FrameReader {
  /** The first bytes of a prefix whose other bytes have not arrived yet. */
  const head = Buffer.alloc(headBytes);
  let headSize = 0;
  /** The message that has arrived only in part. Undefined when there is no such message. */
  let begun: { readonly prefix: Prefix; readonly gather: Gather } | undefined;

  function readPrefix(bytes: Buffer, at: number): Prefix {
    const flags = bytes[at] as number;
    if (flags > compressedFlag) throw unreadable("message must have a prefix with flags 0 or 1");
    const size = bytes.readUInt32BE(at + 1);
    if (size > messageBytesMax)
      throw new AppError("EVENT_TOO_LARGE", { rule: `message must be at most ${messageBytesMax} bytes` });
    return { compressed: flags === compressedFlag, size };
  }

  return {
    *read(chunk) {
      for (let at = 0; at < chunk.length; ) {
        if (begun === undefined) {
          let prefix: Prefix;
          if (headSize === 0 && chunk.length - at >= headBytes) {
            prefix = readPrefix(chunk, at);
            at += headBytes;
            if (chunk.length - at >= prefix.size) {
              yield { compressed: prefix.compressed, bytes: chunk.subarray(at, at + prefix.size) };
              at += prefix.size;
              continue;
            }
          } else {
            const taken = chunk.copy(head, headSize, at, at + headBytes - headSize);
            headSize += taken;
            at += taken;
            if (headSize < headBytes) return;
            prefix = readPrefix(head, 0);
          }
          begun = { prefix, gather: new Gather(prefix.size, messageBytesMax) };
        }
        const { prefix, gather } = begun;
        const taken = Math.min(prefix.size - gather.size, chunk.length - at);
        gather.add(chunk.subarray(at, at + taken));
        at += taken;
        if (gather.size < prefix.size) return;
        begun = undefined;
        headSize = 0;
        yield { compressed: prefix.compressed, bytes: gather.whole() };
      }
    },

    end() {
      if (begun !== undefined || headSize > 0) throw unreadable("message must be as long as its prefix says");
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

/** Writes the prefix of a message of `size` bytes at offset `at`. */
export function frameHead(bytes: Buffer, at: number, size: number): void {
  bytes[at] = 0;
  bytes.writeUInt32BE(size, at + 1);
}
