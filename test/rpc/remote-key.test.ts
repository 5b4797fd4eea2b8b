/** Which remote addresses share a window. */

import { expect, it } from "vitest";
import { remoteKey } from "../../src/rpc/admission/remote-key.js";

it.each([
  ["an IPv4 address", "203.0.113.7", "address:203.0.113.7"],
  ["an IPv4 address in IPv6 form", "::ffff:203.0.113.7", "address:203.0.113.7"],
  ["the same written out", "0000:0000:0000:0000:0000:ffff:cb00:7107", "address:203.0.113.7"],
  ["an IPv6 address by its /64", "2001:db8:1:2:3:4:5:6", "address:2001:db8:1:2"],
  ["another one of that /64", "2001:0DB8:0001:0002:ffff::1", "address:2001:db8:1:2"],
  ["a short one", "2001:db8::1", "address:2001:db8:0:0"],
  ["the loopback address", "::1", "address:0:0:0:0"],
])("names %s", (_, address, key) => {
  expect(remoteKey(address)).toBe(key);
});
