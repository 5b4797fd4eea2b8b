/** Decodes the request message of a call from its bytes, in JSON or in binary form. */

import type { DescMessage, Message } from "@bufbuild/protobuf";
import { PublishEventRequestSchema, PublishEventsRequestSchema } from "../../../gen/eventwire/v1/event_service_pb.js";
import { AppError } from "../../domain/errors.js";
import { WireError } from "../../wire/fields.js";
import { createEventDecoder } from "../streams/batch-decoder.js";
import { createBatchJson } from "../streams/batch-json.js";
import { decodeBinary, decodeJson, parseJsonObject } from "./decode-message.js";
import { compileRawJson } from "./raw-json.js";

/**
 * Decodes messages of one type. Bytes in a decoded message may be views of `bytes`, so `bytes` must not change
 * afterwards.
 */
export interface DecodeCall {
  /** Decodes a message in JSON form. Throws or rejects with AppError. */
  json(bytes: Buffer): Message | Promise<Message>;
  /** Decodes a message in Protobuf's binary form. Throws AppError. */
  binary(bytes: Buffer): Message;
}

/**
 * Makes the decoder for messages of one type. The `data` of events is never parsed into objects, because it may be
 * large. Any other message is parsed as a whole, so the caller must have refused it above 64 KiB.
 */
export function compileDecodeCall(desc: DescMessage): DecodeCall {
  const events = createEventDecoder();
  if (desc === PublishEventRequestSchema)
    return { json: compileRawJson(desc), binary: (bytes) => wired(desc, () => events.event(bytes)) };
  if (desc === PublishEventsRequestSchema)
    return { json: createBatchJson(), binary: (bytes) => wired(desc, () => events.batch(bytes)) };
  return {
    json: (bytes) => decodeJson(desc, parseJsonObject(bytes)),
    binary: (bytes) => decodeBinary(desc, bytes),
  };
}

function wired(desc: DescMessage, decode: () => Message): Message {
  try {
    return decode();
  } catch (cause) {
    if (!(cause instanceof WireError)) throw cause;
    const rule = `message must be a ${desc.typeName} in Protobuf's binary form`;
    throw new AppError("INVALID_REQUEST_BODY", { cause, rule });
  }
}
