/** Makes the error with which a Subscribe stream ends when the gateway closes it. */

import { closeCatalogue } from "../../../gen/closes.js";
import type { Close } from "../../domain/closes.js";
import type { ToldError } from "./error-headers.js";

/**
 * How long the error tells a client to wait before it calls again, in seconds. The frame `closing` tells the time more
 * exactly. An error after which the client should not call again has no such time.
 */
const retryAfterSeconds = 1;

const rows = new Map(
  Object.entries(closeCatalogue).flatMap(([name, row]) =>
    row.status === "" ? [] : [[row.code as number, { name, ...row }] as const],
  ),
);

/**
 * Makes the error of a close. Its reason is the name of the close. A close that the contract does not list for
 * Subscribe is INTERNAL_ERROR.
 */
export function closeError({ code }: Close): ToldError {
  const { name, status, reason, reconnect } = rows.get(code) ?? {
    name: "INTERNAL_ERROR",
    ...closeCatalogue.INTERNAL_ERROR,
  };
  return { reason: name, code: status, message: reason, ...(reconnect && { retryAfterSeconds }) };
}
