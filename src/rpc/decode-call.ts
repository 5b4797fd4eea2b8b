/** Makes the request message of a call from its bytes, in either codec. */

import type { DescMessage, Message } from "@bufbuild/protobuf";
import { PublishEventRequestSchema, PublishEventsRequestSchema } from "../../gen/eventwire/v1/event_service_pb.js";
import { AppError } from "../domain/errors.js";
import { WireError } from "../wire/fields.js";
import { createEventDecoder } from "./batch-decoder.js";
import { createBatchJson } from "./batch-json.js";
import { decodeBinary, decodeJson, parseJsonObject } from "./decode-message.js";
import { compileRawJson } from "./raw-json.js";

export interface DecodeCall {
  /** At once for a message of usual size. Throws or rejects with AppError. The message may have views of `bytes`. */
  json(bytes: Buffer): Message | Promise<Message>;
  binary(bytes: Buffer): Message;
}

/** Messages that carry events are never parsed into objects; others are 64 KiB at most, as their reader sees to. */
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
