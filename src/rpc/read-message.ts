/** Reads the one message of a unary RPC call: out of its envelope, out of its compression, within its limit. */

import { Code, ConnectError } from "@connectrpc/connect";
import { type Compression, compressedFlag, type UniversalServerRequest } from "@connectrpc/connect/protocol";
import { AppError } from "../domain/errors.js";
import { headBytes } from "./grpc-frames.js";
import type { Wire } from "./wire.js";

export interface MessageLimit {
  readonly bytes: number;
  /** Whose message it is: an event's has a refusal of its own. */
  readonly carriesEvent: boolean;
}

/** Throws AppError. What is not needed any more is left unread. */
export async function readMessage(
  wire: Wire,
  { body, header }: UniversalServerRequest,
  compression: Compression | null,
  limit: MessageLimit,
): Promise<Uint8Array> {
  const enveloped = wire.protocol !== "connect";
  const bytesMax = limit.bytes + (enveloped ? headBytes : 0);
  if (Number(header.get("content-length")) > bytesMax) throw tooLarge(limit);
  const bytes = await readWhole(body as AsyncIterable<Uint8Array>, bytesMax, limit);
  if (!enveloped) return compression === null ? bytes : decompress(bytes, compression, limit);
  const compressed = checkEnvelope(bytes);
  const message = bytes.subarray(headBytes);
  if (!compressed) return message;
  if (compression === null)
    throw unreadable(`message must name the compression of the message in ${wire.encodingHeader}`);
  return decompress(message, compression, limit);
}

async function readWhole(body: AsyncIterable<Uint8Array>, bytesMax: number, limit: MessageLimit): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      size += chunk.length;
      if (size > bytesMax) throw tooLarge(limit);
      chunks.push(chunk);
    }
  } catch (cause) {
    throw cause instanceof AppError ? cause : unreadable("message must arrive whole", cause);
  }
  const [only] = chunks;
  if (only !== undefined && chunks.length === 1) return Buffer.from(only.buffer, only.byteOffset, only.length);
  return Buffer.concat(chunks, size);
}

/** Whether the one message is compressed. */
function checkEnvelope(bytes: Buffer): boolean {
  if (bytes.length < headBytes) throw unreadable("message must be one message with a prefix of 5 bytes");
  const flags = bytes[0] as number;
  if ((flags | compressedFlag) !== compressedFlag) throw unreadable("message must have a prefix with flags 0 or 1");
  if (bytes.readUInt32BE(1) !== bytes.length - headBytes)
    throw unreadable("message must be one message as long as its prefix says");
  return flags === compressedFlag;
}

async function decompress(bytes: Uint8Array, compression: Compression, limit: MessageLimit): Promise<Uint8Array> {
  try {
    return await compression.decompress(bytes as Uint8Array<ArrayBuffer>, limit.bytes);
  } catch (cause) {
    if (cause instanceof ConnectError && cause.code === Code.ResourceExhausted) throw tooLarge(limit);
    throw unreadable(`message must be compressed with ${compression.name}`, cause);
  }
}

function unreadable(rule: string, cause?: unknown): AppError {
  return new AppError("INVALID_REQUEST_BODY", { cause, rule });
}

function tooLarge({ bytes, carriesEvent }: MessageLimit): AppError {
  const reason = carriesEvent ? "EVENT_TOO_LARGE" : "INVALID_REQUEST_BODY";
  return new AppError(reason, { rule: `message must be at most ${bytes} bytes` });
}
