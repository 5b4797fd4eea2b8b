/**
 * Encodes the answers to batches as gRPC messages. Answers without refusals are written by hand, because the reflection
 * of the Protobuf library takes longer for an answer than publishing an event takes. The Protobuf library writes all
 * other answers.
 */

import { toBinary } from "@bufbuild/protobuf";
import { type PublishEventsResponse, PublishEventsResponseSchema } from "../../../gen/eventwire/v1/event_service_pb.js";
import { writeVarint } from "../../wire/varint.js";
import { frame, frameHead, headBytes } from "../protocols/grpc-frames.js";

/** The tags of the fields of an answer. */
const sequenceTag = 0x08;
const publishedTag = 0x10;

/** Largest answer that is written by hand, in bytes: a frame head, two tags, a varint of 64 bits and one of 32 bits. */
const plainBytesMax = headBytes + 17;

/** Encodes all answers into one buffer, which goes out in one write. */
export function encodeAnswers(answers: readonly PublishEventsResponse[]): Buffer {
  if (!answers.every(isPlain))
    return Buffer.concat(answers.map((a) => frame(toBinary(PublishEventsResponseSchema, a))));
  const bytes = Buffer.allocUnsafe(answers.length * plainBytesMax);
  let at = 0;
  for (const { sequence, published } of answers) {
    const from = at + headBytes;
    let to = from;
    if (sequence !== 0n) to = writeVarint(bytes, writeVarint(bytes, to, sequenceTag), Number(sequence));
    if (published !== 0) to = writeVarint(bytes, writeVarint(bytes, to, publishedTag), published);
    frameHead(bytes, at, to - from);
    at = to;
  }
  return bytes.subarray(0, at);
}

function isPlain({ sequence, refusals, otherNodesReached }: PublishEventsResponse): boolean {
  return refusals.length === 0 && otherNodesReached === undefined && sequence <= Number.MAX_SAFE_INTEGER;
}
