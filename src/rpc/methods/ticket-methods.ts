/** The methods of TicketService, which make tickets. */

import { TicketService } from "../../../gen/eventwire/v1/ticket_service_pb.js";
import type { Principal } from "../../domain/instance.js";
import type { Tickets, TicketTerms } from "../../service/tickets.js";
import { callerMethod, instanceMethod, type Method } from "./method.js";

export function createTicketMethods({ tickets }: { tickets: Tickets }): Method[] {
  async function create(principal: Principal, instanceId: string | null, { events, ttlSeconds }: TicketTerms) {
    const { ticket, expiresAt } = await tickets.create(principal, instanceId, { events, ttlSeconds });
    return { success: true, message: "Ticket created", ticket, expiresAt: expiresAt.toISOString() };
  }

  return [
    instanceMethod(TicketService.method.createTicket, (request, { id }, principal) => create(principal, id, request)),
    callerMethod(TicketService.method.createAccountTicket, (request, principal) => create(principal, null, request)),
  ];
}
