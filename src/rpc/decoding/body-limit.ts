/** How large the body of a call may be, and with which error a larger body is refused. */

import { BodyLimit as Limit, type Policy } from "../../../gen/eventwire/v1/policy_pb.js";
import type { Reason } from "../../domain/errors.js";
import { parsedBytesMax } from "../../json/parsed-bytes.js";

export interface BodyLimit {
  readonly bytes: number;
  /** The reason of the error for a body of more than `bytes`. */
  readonly tooLarge: Reason;
}

/** How many bytes a message may have beside the largest event, for names and framing. */
const eventOverheadBytes = 4096;

const small: BodyLimit = { bytes: parsedBytesMax, tooLarge: "INVALID_REQUEST_BODY" };

/** Returns the limit on the body of a REST call, by the policy of its method. */
export function restLimit({ bodyLimit }: Policy, publishMaxBytes: number): BodyLimit {
  return bodyLimit === Limit.EVENT ? { bytes: publishMaxBytes, tooLarge: "EVENT_TOO_LARGE" } : small;
}

/**
 * Returns the limit on one RPC message, by the policy of its method. The limit is a third and 4 KiB above the
 * largest event, because the bytes of an event are base64 in JSON form. Publishing checks the exact size of the event.
 */
export function messageLimit({ bodyLimit }: Policy, publishMaxBytes: number): BodyLimit {
  if (bodyLimit !== Limit.EVENT) return small;
  return { bytes: Math.ceil((publishMaxBytes * 4) / 3) + eventOverheadBytes, tooLarge: "EVENT_TOO_LARGE" };
}
