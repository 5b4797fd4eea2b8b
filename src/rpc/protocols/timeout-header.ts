/** Checks the headers that set the deadline of an RPC call. */

import { AppError } from "../../domain/errors.js";
import type { Wire } from "./wire.js";

const timerMsMax = 2 ** 31 - 1;
const unitMs: Record<string, number> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

const grpcTimeout = /^(\d{1,8})([HMSmun])$/;
const connectTimeout = /^\d{1,10}$/;

/**
 * Checks the header that sets the deadline of a call. Throws AppError INVALID_REQUEST_BODY when the header is no
 * deadline.
 */
export function checkTimeout({ protocol }: Wire, header: Headers): void {
  const connect = protocol === "connect" || protocol === "connect-stream";
  const timeout = header.get(connect ? "connect-timeout-ms" : "grpc-timeout");
  if (timeout === null || (connect ? connectTimeout : grpcTimeout).test(timeout)) return;
  const rule = connect
    ? "Connect-Timeout-Ms must be at most 10 digits"
    : "grpc-timeout must be at most 8 digits and one of the units H, M, S, m, u and n";
  throw new AppError("INVALID_REQUEST_BODY", { rule });
}

/**
 * Removes a deadline that is longer than a timer of Node.js can run (24 days), because such a timer would fire at once.
 */
export function clampTimeout(header: Headers): void {
  const [, amount, unit = ""] = grpcTimeout.exec(header.get("grpc-timeout") ?? "") ?? [];
  if (amount !== undefined && Number(amount) * (unitMs[unit] ?? 0) > timerMsMax) header.delete("grpc-timeout");
  const connectMs = connectTimeout.exec(header.get("connect-timeout-ms") ?? "")?.[0];
  if (connectMs !== undefined && Number(connectMs) > timerMsMax) header.delete("connect-timeout-ms");
}

/**
 * Returns how many milliseconds the call may take. Undefined when the call has no deadline, or one that is longer than
 * a timer of Node.js can run (24 days). Call `checkTimeout` first.
 */
export function readTimeout({ protocol }: Wire, header: Headers): number | undefined {
  const [, amount, unit = ""] = grpcTimeout.exec(header.get("grpc-timeout") ?? "") ?? [];
  const connect = protocol === "connect" || protocol === "connect-stream";
  const given = connect ? header.get("connect-timeout-ms") : amount;
  if (given === null || given === undefined) return undefined;
  const ms = Number(given) * (connect ? 1 : (unitMs[unit] ?? 0));
  return ms > timerMsMax ? undefined : ms;
}
