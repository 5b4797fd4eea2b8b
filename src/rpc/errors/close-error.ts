/** The error with which a stream ends when the gateway closes it. */

import { closeCatalogue } from "../../../gen/closes.js";
import type { Close } from "../../domain/closes.js";
import type { ToldError } from "./error-headers.js";

/** The least time to wait, in seconds. The frame `closing` says it more exactly. */
const retryAfterSeconds = 1;

const rows = new Map(Object.entries(closeCatalogue).map(([name, row]) => [row.code as number, { name, ...row }]));

/** Its reason is the name of the close. A close that is not in the catalogue is an internal error. */
export function closeError({ code }: Close): ToldError {
  const { name, status, reason, reconnect } = rows.get(code) ?? {
    name: "INTERNAL_ERROR",
    ...closeCatalogue.INTERNAL_ERROR,
  };
  return { reason: name, code: status, message: reason, ...(reconnect && { retryAfterSeconds }) };
}
