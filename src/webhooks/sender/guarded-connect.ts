/**
 * Opens connections to addresses that the guard allows, and to no others. A name is looked up once for a connection, and
 * the connection goes to one of the addresses that were checked. So a name that changes its address between the check
 * and the connection gains nothing.
 */

import { isIP, type LookupFunction } from "node:net";
import { buildConnector } from "undici";
import { type AddressGuard, AddressRefusedError } from "./address-guard.js";
import type { NameLookup } from "./name-lookup.js";

/** A connection that is not open after this long is given up, even when nobody waits for it any more. */
const connectTimeoutMs = 30_000;

export function createGuardedConnect(guard: AddressGuard, lookUp: NameLookup): buildConnector.connector {
  const lookup: LookupFunction = (name, options, callback) => {
    lookUp(name)
      .then((found) => {
        const allowed = found.filter(({ address }) => guard.allowsAddress(address));
        const [first] = allowed;
        if (first === undefined) throw new AddressRefusedError("address");
        if (options.all) callback(null, allowed);
        else callback(null, first.address, first.family);
      })
      .catch((error) => callback(error, []));
  };
  const connect = buildConnector({ lookup, timeout: connectTimeoutMs } as buildConnector.BuildOptions);

  return (options, callback) => {
    const { hostname, protocol, port } = options;
    if (!guard.allowsPort(Number(port || (protocol === "https:" ? 443 : 80))))
      callback(new AddressRefusedError("port"), null);
    // Node.js does not look an address up, so `lookup` does not see an address in a URL.
    else if (isIP(hostname) !== 0 && !guard.allowsAddress(hostname)) callback(new AddressRefusedError("address"), null);
    else connect(options, callback);
  };
}
