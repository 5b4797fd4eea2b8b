/** Says what an answer or a failure means for a delivery: whether it is done, tried again, or given up. */

import { AddressRefusedError } from "./address-guard.js";

/**
 * `delivered`: the receiver has the event. `retry`: the delivery is tried again on the schedule. `pause`: the same, but
 * the delivery never dies, because the configuration is at fault. `dead`: the receiver will never take this event.
 * `gone`: the receiver wants no more events. `refused`: the address or port is not allowed; the delivery is tried again
 * on the schedule, because a name may get another address.
 */
export type Outcome = "delivered" | "retry" | "pause" | "dead" | "gone" | "refused";

/** The names under which metrics and log lines count attempts, each with its outcome. No other names exist. */
export const attemptCauses = {
  delivered: "delivered",
  timeout: "retry",
  name_not_found: "retry",
  connection_failed: "retry",
  tls_failed: "retry",
  cut_off: "retry",
  not_http: "retry",
  request_invalid: "retry",
  stopped: "retry",
  address_refused: "refused",
  port_refused: "refused",
  status_408: "retry",
  status_425: "retry",
  status_429: "retry",
  status_3xx: "retry",
  status_5xx: "retry",
  status_401: "pause",
  status_403: "pause",
  status_404: "pause",
  status_410: "gone",
  status_4xx: "dead",
} as const satisfies Record<string, Outcome>;

export type AttemptCause = keyof typeof attemptCauses;

/**
 * Names the cause for the status of an answer. `status` is not below 200. HTTP takes an unknown status from 600 on for a
 * failure of the server.
 */
export function causeOfStatus(status: number): AttemptCause {
  if (status < 300) return "delivered";
  if (status < 400) return "status_3xx";
  if (status >= 500) return "status_5xx";
  const named = `status_${status}`;
  return named in attemptCauses ? (named as AttemptCause) : "status_4xx";
}

export interface Failure {
  readonly cause: AttemptCause;
  /** One sentence for the owner of the webhook. The sentence names no host, address or part of the URL. */
  readonly sentence: string;
}

/** The attempt took longer than the webhook allows. */
export function timeoutFailure(seconds: number): Failure {
  return { cause: "timeout", sentence: `The receiver did not answer within ${seconds} s.` };
}

export const stoppedFailure: Failure = { cause: "stopped", sentence: "The node stopped." };

const requestInvalid: Failure = { cause: "request_invalid", sentence: "No request can be made of the configuration." };

/**
 * Names the cause for an error of undici or Node.js. The messages of such errors often hold the host or address, so the
 * sentence has only the code of the error.
 */
export function describeFailure(error: unknown): Failure {
  if (error instanceof AddressRefusedError)
    return error.what === "port"
      ? { cause: "port_refused", sentence: "The port of the URL is not allowed." }
      : { cause: "address_refused", sentence: "The URL leads to an address that is not public." };
  const code = codeOf(error);
  if (code === "UND_ERR_INVALID_ARG") return requestInvalid;
  const [, cause, words] = kinds.find(([codes]) => codes.test(code)) ?? fallback;
  return { cause, sentence: `${words} (${code}).` };
}

const kinds: readonly (readonly [codes: RegExp, AttemptCause, words: string])[] = [
  [/^(ENOTFOUND|ENODATA|ESERVFAIL|EAI_\w+)$/, "name_not_found", "The address of the host was not found"],
  [
    /^(ECONNREFUSED|E(HOST|NET)(UNREACH|DOWN)|ETIMEDOUT|EADDRNOTAVAIL|EACCES|EPERM|UND_ERR_CONNECT_TIMEOUT)$/,
    "connection_failed",
    "No connection could be opened",
  ],
  [/CERT|^ERR_(TLS|SSL)_|^UNABLE_TO_|^EPROTO$|^HOSTNAME_MISMATCH$/, "tls_failed", "The connection failed at TLS"],
  [/^HTTPParserError$|^UND_ERR_(HEADERS_OVERFLOW|RES_)/, "not_http", "The answer is not valid HTTP"],
];
const fallback = [/./, "cut_off", "The connection ended before the answer"] as const;

/** The parser errors of undici carry no usable code, so their name takes its place. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "UNKNOWN";
  if (error.name === "HTTPParserError") return error.name;
  return "code" in error && typeof error.code === "string" ? error.code : "UNKNOWN";
}
