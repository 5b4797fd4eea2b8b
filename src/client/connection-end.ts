/** The end of a connection: why the connection ended, and whether and when the client connects again. */

import { closeCatalogue } from "../../gen/closes.js";
import type { ClosingFrame, RefusedFrame } from "../../gen/frames.js";
import type { LinkEnd } from "./link.js";

export interface ConnectionEnd {
  /** The close code. 1006 means that there was no close frame: the network or the client ended the connection. */
  readonly code: number;
  /** The reason of the close, or a sentence about the refusal or the network. */
  readonly reason: string;
  /** Whether the client connects again by itself. */
  readonly reconnect: boolean;
  /** How long the client waits before it connects again, in milliseconds. 0 when the client does not connect again. */
  readonly retryAfterMs: number;
  /** The `closing` frame of the gateway, when there was one. The frame says how much waited for the connection. */
  readonly closing?: ClosingFrame | undefined;
  /** The gateway's refusal, when the handshake was refused. */
  readonly refused?: RefusedFrame | undefined;
  /** The error of the network, or of the function that fetches tickets. */
  readonly cause?: unknown;
}

/**
 * The client does not connect again. A loop over the connection throws this error, and calls that wait for an answer of
 * the gateway reject with this error.
 */
export class ConnectionEndedError extends Error {
  override readonly name = "ConnectionEndedError";
  readonly end: ConnectionEnd;

  constructor(end: ConnectionEnd) {
    super(`The connection ended with ${end.code}: ${end.reason}.`, { cause: end.cause });
    this.end = end;
  }
}

/** Longest wait between two attempts, in milliseconds, when the gateway has named no time. */
const waitMaxMs = 30_000;
/** Longest wait before the first attempt, in milliseconds. Each failed attempt doubles this limit. */
const firstWaitMaxMs = 500;

/** Returns a random wait, in milliseconds: at most 500 before the first attempt, then 1,000, 2,000 … and 30,000. */
export function backoffMs(attempts: number): number {
  return Math.round(Math.random() * Math.min(waitMaxMs, firstWaitMaxMs * 2 ** attempts));
}

/**
 * Decides whether the client connects again: by the last word of the gateway, or else by the close catalogue. After a
 * close that the catalogue does not have, such as a close by a proxy or by the network, the client connects again.
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

/** Whether the gateway refused the token or the ticket. */
export function isInvalidTicket({ code }: ConnectionEnd): boolean {
  return code === closeCatalogue.INVALID_TOKEN.code;
}

/** Returns an end after which the client connects again soon. */
export function comingBack(end: ConnectionEnd): ConnectionEnd {
  return { ...end, reconnect: true, retryAfterMs: backoffMs(0) };
}

function describe({ status, message, reason, rule }: RefusedFrame): string {
  return `${status} ${message}${rule === null ? "" : `, ${rule}`} (${reason})`;
}
