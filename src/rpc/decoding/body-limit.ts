/** How large the body of a call may be, and how a larger one is refused. */

import { BodyLimit as Limit, type Policy } from "../../../gen/eventwire/v1/policy_pb.js";
import type { Reason } from "../../domain/errors.js";
import { parsedBytesMax } from "../../json/parsed-bytes.js";

export interface BodyLimit {
  readonly bytes: number;
  /** Refuses what is larger. */
  readonly tooLarge: Reason;
}

/** Room for names and framing beside the largest event. */
const eventOverheadBytes = 4096;

const small: BodyLimit = { bytes: parsedBytesMax, tooLarge: "INVALID_REQUEST_BODY" };

/** Of a body over REST. */
export function restLimit({ bodyLimit }: Policy, publishMaxBytes: number): BodyLimit {
  return bodyLimit === Limit.EVENT ? { bytes: publishMaxBytes, tooLarge: "EVENT_TOO_LARGE" } : small;
}

/** Of one RPC message. The JSON form of an event's bytes is a third longer; publishing checks the exact size. */
export function messageLimit({ bodyLimit }: Policy, publishMaxBytes: number): BodyLimit {
  if (bodyLimit !== Limit.EVENT) return small;
  return { bytes: Math.ceil((publishMaxBytes * 4) / 3) + eventOverheadBytes, tooLarge: "EVENT_TOO_LARGE" };
}
