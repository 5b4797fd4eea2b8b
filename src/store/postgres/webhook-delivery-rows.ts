/** Turns rows of deliveries and attempts into what owners and operators see of them. */

import { sql } from "kysely";
import type { Delivery, DeliveryAttempt, DeliveryState } from "../webhook-operations.js";
import { deliveryStates } from "./webhook-deliveries.js";

export interface AttemptRow {
  tried_at: Date;
  status: number | null;
  ms: number | null;
  error: string | null;
  response: string | null;
}

export const attemptColumns = sql`tried_at, status, ms, error, response`;

export interface DeliveryRow extends Omit<AttemptRow, "tried_at"> {
  number: string;
  event_id: string;
  type: string;
  state: number;
  attempts: number;
  accepted_at: Date;
  due_at: Date | null;
  tried_at: Date | null;
  ended_at: Date | null;
}

export const deliveryColumns = sql`
  number, event_id, type, state, attempts, accepted_at, due_at, tried_at, ended_at, status, ms, error, response`;

const stateNames = Object.fromEntries(Object.entries(deliveryStates).map(([name, state]) => [state, name]));

export function toDelivery(row: DeliveryRow): Delivery {
  const at = row.tried_at ?? row.ended_at;
  return {
    number: Number(row.number),
    eventId: row.event_id,
    event: row.type,
    state: stateNames[row.state] as DeliveryState,
    attempts: row.attempts,
    acceptedAt: row.accepted_at,
    dueAt: row.due_at ?? undefined,
    last: at === null ? undefined : toAttempt({ ...row, tried_at: at }),
  };
}

export function toAttempt({ tried_at, status, ms, error, response }: AttemptRow): DeliveryAttempt {
  return {
    at: tried_at,
    status: status ?? undefined,
    ms: ms ?? 0,
    error: error ?? undefined,
    response: response ?? undefined,
  };
}
