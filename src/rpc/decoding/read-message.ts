/**
 * Reads the one message of a unary RPC call. Removes the prefix of 5 bytes (Connect has none), decompresses the message
 * if it is compressed, and enforces the size limit before and after.
 */

import { type Compression, compressedFlag, type UniversalServerRequest } from "@connectrpc/connect/protocol";
import { AppError } from "../../domain/errors.js";
import { Gather } from "../../wire/gather.js";
import { headBytes } from "../protocols/grpc-frames.js";
import type { Wire } from "../protocols/wire.js";
import type { BodyLimit } from "./body-limit.js";
import { decompress } from "./decompress.js";
import type { Room } from "./room.js";

/** Reads the message from the body of a request. Throws AppError, and then leaves the rest of the body unread. */
export async function readMessage(
  wire: Wire,
  { body, header }: UniversalServerRequest,
  compression: Compression | null,
  limit: BodyLimit,
  room: Room,
): Promise<Buffer> {
  const enveloped = wire.protocol !== "connect";
  const bytesMax = limit.bytes + (enveloped ? headBytes : 0);
  const announced = Number(header.get("content-length")) || 0;
  if (announced > bytesMax) throw refuse(limit);
  const bytes = await readWhole(body as AsyncIterable<Uint8Array>, announced, bytesMax, limit);
  const open = (message: Buffer) =>
    decompress(message, compression as Compression, limit.bytes, room, () => refuse(limit));
  if (!enveloped) return compression === null ? bytes : open(bytes);
  const compressed = checkEnvelope(bytes);
  const message = bytes.subarray(headBytes);
  if (!compressed) return message;
  if (compression === null)
    throw unreadable(`message must name the compression of the message in ${wire.encodingHeader}`);
  return open(message);
}

async function readWhole(
  body: AsyncIterable<Uint8Array>,
  announced: number,
  bytesMax: number,
  limit: BodyLimit,
): Promise<Buffer> {
  const gather = new Gather(announced, bytesMax);
  try {
    for await (const chunk of body) {
      if (gather.size + chunk.length > bytesMax) throw refuse(limit);
      gather.add(chunk);
    }
  } catch (cause) {
    throw cause instanceof AppError ? cause : unreadable("message must arrive whole", cause);
  }
  return gather.whole();
}

/**
 * Checks the prefix of the message, and returns whether the message is compressed. Throws AppError when the prefix is
 * wrong, or when the message is not as long as the prefix says.
 */
function checkEnvelope(bytes: Buffer): boolean {
  if (bytes.length < headBytes) throw unreadable("message must be one message with a prefix of 5 bytes");
  const flags = bytes[0] as number;
  if ((flags | compressedFlag) !== compressedFlag) throw unreadable("message must have a prefix with flags 0 or 1");
  if (bytes.readUInt32BE(1) !== bytes.length - headBytes)
    throw unreadable("message must be one message as long as its prefix says");
  return flags === compressedFlag;
}

function unreadable(rule: string, cause?: unknown): AppError {
  return new AppError("INVALID_REQUEST_BODY", { cause, rule });
}

function refuse({ bytes, tooLarge }: BodyLimit): AppError {
  return new AppError(tooLarge, { rule: `message must be at most ${bytes} bytes` });
}
