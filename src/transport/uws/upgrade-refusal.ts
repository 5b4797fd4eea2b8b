/** Says why an upgrade is refused: to the log, and to a client that cannot see the HTTP status of its handshake. */

import { closeOfRefusal } from "../../domain/closes.js";
import type { AppError, Reason } from "../../domain/errors.js";
import { compareUpgrade } from "../../rpc/errors/listed-errors.js";
import type { Exchange } from "./exchange.js";
import { refusedFrame } from "./refused-frame.js";
import type { ToldRefusal } from "./refused-sockets.js";

/**
 * What is reported about a refused upgrade. The report has no part of the token, and no part of the query, which may
 * hold a token.
 */
export interface UpgradeRefusal {
  readonly reason: Reason;
  /**
   * The instance name from the path, cut at 200 characters. Absent for a whole account, and when the token is not valid,
   * because then the path may hold a token by mistake.
   */
  readonly instance?: string;
  /** The `Origin` header of the browser, cut at 200 characters. Absent when the client sent none. */
  readonly origin?: string;
  /** The IP address of the client. Empty when the client has gone. */
  readonly remoteAddress: string;
}

/** Most characters that a report takes from a text that the client sent. */
const toldMax = 200;

const compare = compareUpgrade();

/** Describes a refusal for the log. Compares the reason with the reasons that the contract lists for upgrades. */
export function describeRefusal({ head, remoteAddress }: Exchange, reason: Reason): UpgradeRefusal {
  compare(reason);
  const origin = head.origin.slice(0, toldMax);
  const instance = reason === "INVALID_TOKEN" ? undefined : head.variable?.slice(0, toldMax);
  return { reason, ...(instance && { instance }), ...(origin !== "" && { origin }), remoteAddress };
}

/** Makes what a client of `eventwire.v1` reads on a socket that is opened only to tell the refusal. */
export function toldRefusal(failure: AppError): ToldRefusal {
  return { frame: Buffer.from(JSON.stringify(refusedFrame(failure))), close: closeOfRefusal(failure.reason) };
}
