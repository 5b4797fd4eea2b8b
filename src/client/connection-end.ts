/** How a connection ended, and whether and when the client comes back. */

import { closeCatalogue } from "../../gen/closes.js";
import type { ClosingFrame, RefusedFrame } from "../../gen/frames.js";
import type { LinkEnd } from "./link.js";

export interface ConnectionEnd {
  /** The close code. It is 1006 when there was no close frame: the network, or the client itself, ended the connection. */
  readonly code: number;
  /** The reason of the close, or a sentence about the refusal or the network. */
  readonly reason: string;
  /** Whether the client comes back by itself. */
  readonly reconnect: boolean;
  /** How long the client waits before it comes back, in milliseconds. It is 0 when the client does not come back. */
  readonly retryAfterMs: number;
  /** The gateway's `closing` frame, when there was one. It has the measured values. */
  readonly closing?: ClosingFrame | undefined;
  /** The gateway's refusal, when the handshake was refused. */
  readonly refused?: RefusedFrame | undefined;
  /** The error of the network, or of the function that fetches tickets. */
  readonly cause?: unknown;
}

/** Thrown to who iterates, and by calls that wait for an answer, when the client does not come back. */
export class ConnectionEndedError extends Error {
  override readonly name = "ConnectionEndedError";
  readonly end: ConnectionEnd;

  constructor(end: ConnectionEnd) {
    super(`The connection ended with ${end.code}: ${end.reason}.`, { cause: end.cause });
    this.end = end;
  }
}

/** Longest wait before the client tries again, in milliseconds, when the gateway has not said how long. */
const waitMaxMs = 30_000;
/** Longest wait before the first attempt. It doubles with each attempt that fails. */
const firstWaitMaxMs = 500;

/** A random wait after `attempts` failed ones: at most 0.5, 1, 2 … and 30 seconds. */
export function backoffMs(attempts: number): number {
  return Math.round(Math.random() * Math.min(waitMaxMs, firstWaitMaxMs * 2 ** attempts));
}

/**
 * Decides by what the gateway said, then by the close catalogue. Any other close, such as one of a proxy or of the
 * network, is a reason to come back.
 */
export function endOf(link: LinkEnd, closing: ClosingFrame | undefined, attempts: number): ConnectionEnd {
  const { code, refused, cause } = link;
  const said = refused ?? closing;
  const row = Object.values(closeCatalogue).find((close) => close.code === code);
  const reconnect = said?.reconnect ?? row?.reconnect ?? true;
  return {
    code: closing?.code ?? code,
    reason: refused === undefined ? (closing?.reason ?? link.reason) : describe(refused),
    reconnect,
    retryAfterMs: reconnect ? (said?.retryAfterMs ?? backoffMs(attempts)) : 0,
    closing,
    refused,
    cause,
  };
}

function describe({ status, message, reason, rule }: RefusedFrame): string {
  return `${status} ${message}${rule === null ? "" : `, ${rule}`} (${reason})`;
}
