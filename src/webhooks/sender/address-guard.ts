/**
 * Decides to which addresses and ports a webhook may send. Without this guard, the owner of a webhook could read the
 * network of the operator: other services, the metadata address of the cloud, Eventwire itself.
 */

import { isIP } from "node:net";
import ipaddr from "ipaddr.js";

export interface AddressGuard {
  /** Whether a connection to this address is allowed. `address` is an IP address in any form that Node.js writes. */
  allowsAddress(address: string): boolean;
  /** Whether a connection to this port is allowed: 80, 443, and 1024 to 65535. */
  allowsPort(port: number): boolean;
}

/** The guard allows no connection. `what` says which part of the URL is at fault. */
export class AddressRefusedError extends Error {
  readonly what: "address" | "port";

  constructor(what: "address" | "port") {
    super(`The ${what} is not allowed.`);
    this.what = what;
  }
}

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/**
 * Makes a guard that allows public addresses, and the addresses of the given ranges. A range is in CIDR notation, such
 * as `192.168.0.0/16`. Throws when a range is none.
 */
export function createAddressGuard(allowPrivate: readonly string[]): AddressGuard {
  const opened = allowPrivate.map((range) => ipaddr.parseCIDR(range));
  return {
    allowsAddress(text) {
      if (isIP(text) === 0) return false;
      // An IPv4 address in IPv6 form (::ffff:a.b.c.d) becomes an IPv4 address.
      const address = ipaddr.process(text);
      return isPublic(address) || opened.some((range) => range[0].kind() === address.kind() && address.match(range));
    },
    allowsPort: (port) => port === 80 || port === 443 || (port >= 1024 && port <= 65_535),
  };
}

/** Azure serves its machines their metadata and settings at this address, which lies in a public range. */
const azureMetadata = ipaddr.IPv4.parse("168.63.129.16");

/** All public IPv6 addresses lie in this range. The rest of the address space is special, or belongs to nobody yet. */
const publicIPv6 = ipaddr.IPv6.parseCIDR("2000::/3");

/** An IPv6-only network reaches IPv4 addresses through this range. The last four bytes are the IPv4 address. */
const nat64 = ipaddr.IPv6.parseCIDR("64:ff9b::/96");

/**
 * The library knows the special ranges of IANA and calls all other addresses `unicast`. Tunnels that can hold private
 * addresses (6to4, Teredo, the NAT64 range for local use) are special ranges, too.
 */
function isPublic(address: Address): boolean {
  if (isIPv4(address)) return address.range() === "unicast" && !address.match(azureMetadata, 32);
  if (address.match(nat64)) return isPublic(ipaddr.fromByteArray(address.toByteArray().slice(12)));
  return address.range() === "unicast" && address.match(publicIPv6);
}

function isIPv4(address: Address): address is ipaddr.IPv4 {
  return address.kind() === "ipv4";
}
