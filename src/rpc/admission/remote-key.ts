/** The key under which calls from a remote address are counted for the rate limit. */

/**
 * Returns one key per IPv4 address and one per IPv6 /64 network. One subscriber has a whole /64, and could guess tokens
 * without limit if each IPv6 address had its own key. An IPv4 address in its IPv6 form has the key of the IPv4 address.
 */
export function remoteKey(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return `address:${mapped}`;
  if (!address.includes(":")) return `address:${address}`;
  const [head = "", tail] = address.toLowerCase().split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  const groups = [...left, ...Array<string>(zeros).fill("0"), ...right].map((group) => group.replace(/^0+(?=.)/, ""));
  if (groups.slice(0, 5).every((group) => group === "0") && groups[5] === "ffff") return `address:${ipv4(groups)}`;
  return `address:${groups.slice(0, 4).join(":")}`;
}

/** Returns the IPv4 address in a mapped IPv6 address, which uWebSockets.js writes in hexadecimal groups. */
function ipv4(groups: readonly string[]): string {
  const high = Number.parseInt(groups[6] ?? "0", 16);
  const low = Number.parseInt(groups[7] ?? "0", 16);
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}
