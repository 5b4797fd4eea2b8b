/**
 * Encodes the answers to batches as gRPC messages. Receipts, and answers that say only that everything was published,
 * are written by hand, because the reflection of the Protobuf library takes longer for a receipt or an answer than
 * publishing an event takes. The Protobuf library writes everything else.
 */

import { toBinary } from "@bufbuild/protobuf";
import {
  type PublishEventsResponse,
  type PublishEventsResponse_Receipt,
  PublishEventsResponseSchema,
} from "../../../gen/eventwire/v1/event_service_pb.js";
import { writeVarint } from "../../wire/varint.js";
import { frame, frameHead, headBytes } from "../protocols/grpc-frames.js";

/** The tags of the fields of an answer. */
const sequenceTag = 0x08;
const publishedTag = 0x10;
const receiptsTag = 0x2a;
/** The tags of the fields of a receipt. */
const idTag = 0x0a;
const socketsTag = 0x10;
const positionTag = 0x1a;
const webhooksTag = 0x20;

/**
 * Largest answer that is written by hand, in bytes: the gRPC prefix, two tags, a varint of 64 bits and one of 32 bits.
 */
const plainBytesMax = headBytes + 17;
/**
 * Largest receipt in bytes: its tag and its length, an id of 36 characters and a position of 64 characters, each with
 * tag and length, and two tags with a varint of 32 bits. The length of a receipt is below 128, so it takes one byte.
 */
const receiptBytesMax = 2 + 38 + 66 + 2 * 6;

/** Encodes all answers into one buffer, which goes out in one write. */
export function encodeAnswers(answers: readonly PublishEventsResponse[]): Buffer {
  if (!answers.every(isPlain)) return Buffer.concat(answers.map(encodeAnswer));
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

function isPlain(answer: PublishEventsResponse): boolean {
  const { sequence, refusals, otherNodesReached, webhooksStored, receipts } = answer;
  if (receipts.length > 0 || webhooksStored !== undefined) return false;
  return refusals.length === 0 && otherNodesReached === undefined && sequence <= Number.MAX_SAFE_INTEGER;
}

/** Encodes one answer. Its receipts stand after all other fields; Protobuf allows the fields in any order. */
function encodeAnswer(answer: PublishEventsResponse): Buffer {
  const rest = toBinary(PublishEventsResponseSchema, { ...answer, receipts: [] });
  return frame(Buffer.concat([rest, encodeReceipts(answer.receipts)]));
}

function encodeReceipts(receipts: readonly PublishEventsResponse_Receipt[]): Buffer {
  const bytes = Buffer.allocUnsafe(receipts.length * receiptBytesMax);
  let at = 0;
  for (const { id, sockets, position, webhooks } of receipts) {
    const from = at + 2;
    let to = from;
    if (id !== "") to = writeText(bytes, to, idTag, id);
    if (sockets !== undefined) to = writeVarint(bytes, writeVarint(bytes, to, socketsTag), sockets);
    if (position !== undefined) to = writeText(bytes, to, positionTag, position);
    if (webhooks !== undefined) to = writeVarint(bytes, writeVarint(bytes, to, webhooksTag), webhooks);
    writeVarint(bytes, writeVarint(bytes, at, receiptsTag), to - from);
    at = to;
  }
  return bytes.subarray(0, at);
}

/** Writes a field of ASCII text, and returns the place after it. */
function writeText(bytes: Buffer, at: number, tag: number, text: string): number {
  const from = writeVarint(bytes, writeVarint(bytes, at, tag), text.length);
  return from + bytes.write(text, from, "latin1");
}
