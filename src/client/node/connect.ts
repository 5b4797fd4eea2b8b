/** The entry `eventwire/client` for Node.js. The client is that of browsers, over the package `ws`. */

import { closeCatalogue } from "../../../gen/closes.js";
import type { Connection } from "../connection.js";
import { ConnectionEndedError } from "../connection-end.js";
import type { DataShapes } from "../frames.js";
import { LastingConnection } from "../lasting-connection.js";
import type { ConnectOptions } from "../options.js";
import { dialStandard } from "../web-socket-link.js";
import { dialWs } from "./ws-link.js";

/** Connects as `connect` in `../browser.ts` does, except that the token goes into a header. */
export function connect<Shapes extends DataShapes = object>(options: ConnectOptions<Shapes>): Connection<Shapes> {
  return new LastingConnection(options, options.WebSocket === undefined ? dialWs : dialStandard(options.WebSocket));
}

export { ConnectionEndedError, closeCatalogue };
