/** Makes tickets, and redeems them. */

import type { Directory } from "../directory/directory.js";
import { compileFilter } from "../domain/filter.js";
import type { Principal } from "../domain/instance.js";
import { generateTicket, hashToken, isTicket } from "../domain/token.js";
import type { TicketStore } from "../store/store.js";
import { failingAs } from "./failure.js";

/** How long a ticket can be used when its maker does not say, in seconds. */
const ttlSecondsDefault = 30;

export interface TicketTerms {
  /** The event types that the connection may get. Empty means all types. */
  readonly events: readonly string[];
  /** How long the ticket can be used, in seconds: 1 to 300, and 30 when it is absent. */
  readonly ttlSeconds?: number | undefined;
}

/** What a redeemed ticket opens. */
export interface Grant {
  /** The principal of the token with which the ticket was made. */
  readonly principal: Principal;
  /** The id of the only instance that the ticket opens. Null for a ticket for the whole account of the principal. */
  readonly instanceId: string | null;
  /** The event types that the connection may get, as bits (see `eventTypeBit`). */
  readonly types: number;
}

export interface Tickets {
  /**
   * Makes a ticket for an instance that the principal may reach, or for its whole account when `instanceId` is null.
   * Rejects with CREATE_TICKET_FAILED.
   */
  create(
    principal: Principal,
    instanceId: string | null,
    terms: TicketTerms,
  ): Promise<{ ticket: string; expiresAt: Date }>;
  /**
   * Uses a ticket up. Undefined when the ticket is unknown, used up or too old, when its token is revoked, or when its
   * instance was deleted. Rejects with TICKETS_UNAVAILABLE; the ticket may then be used up.
   */
  redeem(ticket: string): Promise<Grant | undefined>;
}

export function createTickets({ directory, store }: { directory: Directory; store: TicketStore }): Tickets {
  return {
    async create(principal, instanceId, { events, ttlSeconds = ttlSecondsDefault }) {
      const ticket = generateTicket();
      const stored = { tokenHash: directory.tokenHash(principal), instanceId, events };
      const expiresAt = await failingAs("CREATE_TICKET_FAILED", store.add(hashToken(ticket), stored, ttlSeconds));
      return { ticket, expiresAt };
    },

    async redeem(ticket) {
      if (!isTicket(ticket)) return undefined;
      const stored = await failingAs("TICKETS_UNAVAILABLE", store.redeem(hashToken(ticket)));
      if (stored === undefined) return undefined;
      const { tokenHash, instanceId, events } = stored;
      const principal = directory.principalByHash(tokenHash);
      if (principal === undefined) return undefined;
      if (instanceId !== null && directory.instanceById(instanceId) === undefined) return undefined;
      const { types } = compileFilter({ enabled: true, events, mediaBase64: false });
      return { principal, instanceId, types };
    },
  };
}
