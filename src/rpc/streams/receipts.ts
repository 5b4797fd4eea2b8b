/** Makes the receipts of a batch: what its producer learns about each event, when it asked. */

import type { PublishEventsResponse_Receipt } from "../../../gen/eventwire/v1/event_service_pb.js";
import type { KeyAnswer } from "../../store/idempotency-keys.js";

export type Receipt = PublishEventsResponse_Receipt;

const $typeName = "eventwire.v1.PublishEventsResponse.Receipt";

/**
 * Makes the receipts of a batch of `count` events before any of them is published. A refused event keeps this receipt.
 */
export function emptyReceipts(count: number): Receipt[] {
  return Array<Receipt>(count).fill({ $typeName, id: "" });
}

/** Makes the receipt of an event before the event is published. Publishing fills in `position` and `webhooks`. */
export function newReceipt(sockets: number): Receipt {
  return { $typeName, id: "", sockets, webhooks: 0 };
}

/** Makes the receipt of an event with an idempotency key. */
export function receiptOf({ id, sockets, position, webhooks }: KeyAnswer): Receipt {
  return {
    $typeName,
    id,
    sockets,
    ...(position !== undefined && { position }),
    ...(webhooks !== undefined && { webhooks }),
  };
}
