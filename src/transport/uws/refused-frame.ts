/** Makes the frame that tells a client of `eventwire.v1` why its handshake is refused. */

import type { RefusedFrame } from "../../../gen/frames.js";
import { retryAfter } from "../../delivery/retry-after.js";
import { closeOfRefusal } from "../../domain/closes.js";
import type { AppError } from "../../domain/errors.js";

export function refusedFrame({ status, message, reason, field, rule, retryAfterSeconds }: AppError): RefusedFrame {
  const close = closeOfRefusal(reason);
  const { reconnect } = close;
  const waitMs = (retryAfterSeconds ?? 0) * 1000;
  return {
    control: "refused",
    status,
    message,
    reconnect,
    // Clients that are refused at the same time come back one after the other.
    retryAfterMs: reconnect ? waitMs + retryAfter(close) : 0,
    reason,
    rule: rule === undefined ? null : [field, rule].filter(Boolean).join(" "),
  };
}
