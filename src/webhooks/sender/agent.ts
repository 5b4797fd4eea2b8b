/**
 * The connections of all webhooks. The sender imports this file with its first request, because undici takes 20 MB of
 * memory, which a node without webhooks does not pay.
 */

import { Agent } from "undici";
import type { AddressGuard } from "./address-guard.js";
import { createGuardedConnect } from "./guarded-connect.js";
import type { NameLookup } from "./name-lookup.js";

/**
 * Most connections to one origin. Webhooks of many instances may share an origin, and each has 1 to 8 requests under
 * way, so a hanging receiver takes connections from the others of its origin only when very many hang.
 */
const connectionsPerOrigin = 256;

export function createAgent(guard: AddressGuard, lookUp: NameLookup): Agent {
  return new Agent({
    connect: createGuardedConnect(guard, lookUp),
    connections: connectionsPerOrigin,
    pipelining: 1,
    maxHeaderSize: 16 * 1024,
    // One timer of the sender ends the whole attempt.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
}
