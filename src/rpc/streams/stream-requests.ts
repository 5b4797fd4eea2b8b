/**
 * Reads the requests of a stream, in their order: finds each by its prefix, decompresses it if it is compressed, and
 * decodes it.
 */

import type { Message } from "@bufbuild/protobuf";
import type { Compression } from "@connectrpc/connect/protocol";
import { AppError } from "../../domain/errors.js";
import type { DecodeCall } from "../decoding/decode-call.js";
import { decompress } from "../decoding/decompress.js";
import type { Room } from "../decoding/room.js";
import { createFrameReader, type FramedMessage } from "../protocols/grpc-frames.js";
import type { Read } from "./pipeline.js";

export interface RequestForm {
  readonly json: boolean;
  /** The compression that the headers of the call name. When it is null, a compressed message is refused. */
  readonly compression: Compression | null;
  /** Size of the largest message after decompression, in bytes. */
  readonly bytesMax: number;
  /** The memory for the message that was decompressed last. */
  readonly room: Room;
}

/**
 * Makes the function that reads the next requests of a stream, in groups as they arrive. This function rejects with
 * AppError. When the client breaks off the body of its call, the function resolves to undefined, as after the last
 * request, because the client would not see an error any more. When the node has refused the body, the client is still
 * there, so the function rejects with the refusal.
 */
export function readRequests(chunks: AsyncIterator<Uint8Array>, decoder: DecodeCall, form: RequestForm): Read<Message> {
  const { json, compression, bytesMax, room } = form;
  const frames = createFrameReader(bytesMax);
  /**
   * The messages of the last chunk, when each of them may have to be decompressed or parsed first. Undefined when all
   * were read.
   */
  let slow: Iterator<FramedMessage> | undefined;
  /** How many bytes of `room` the last decompressed message takes. */
  let opened = 0;

  function* decoded(chunk: Uint8Array): Iterable<Message> {
    for (const { compressed, bytes } of frames.read(asBuffer(chunk))) {
      if (compressed) throw noCompression();
      yield decoder.binary(bytes);
    }
  }

  async function nextSlow(messages: Iterator<FramedMessage>): Promise<Iterable<Message>> {
    const { done, value } = messages.next();
    if (done) {
      slow = undefined;
      return [];
    }
    const bytes = value.compressed ? await open(value.bytes) : value.bytes;
    return [await (json ? decoder.json(bytes) : decoder.binary(bytes))];
  }

  async function open(bytes: Buffer): Promise<Buffer> {
    if (compression === null) throw noCompression();
    room.shrink(opened);
    opened = 0;
    const message = await decompress(bytes, compression, bytesMax, room, tooLarge);
    opened = message.length;
    return message;
  }

  function tooLarge(): AppError {
    return new AppError("EVENT_TOO_LARGE", { rule: `message must be at most ${bytesMax} bytes` });
  }

  function read({ done, value }: IteratorResult<Uint8Array>): Iterable<Message> | undefined {
    if (done) {
      frames.end();
      return undefined;
    }
    if (!json && compression === null) return decoded(value);
    slow = frames.read(asBuffer(value))[Symbol.iterator]();
    return [];
  }

  return () => (slow === undefined ? chunks.next().then(read, brokenOff) : nextSlow(slow));
}

function brokenOff(error: unknown): undefined {
  if (error instanceof AppError) throw error;
}

function noCompression(): AppError {
  const rule = "message must name its compression in the header of its protocol";
  return new AppError("INVALID_REQUEST_BODY", { rule });
}

function asBuffer(chunk: Uint8Array): Buffer {
  return Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}
