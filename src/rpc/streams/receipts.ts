/** Makes the receipts of a batch: what its producer learns about each event, when it asked. */

import type { PublishEventsResponse_Receipt } from "../../../gen/eventwire/v1/event_service_pb.js";

export type Receipt = PublishEventsResponse_Receipt;

const $typeName = "eventwire.v1.PublishEventsResponse.Receipt";

/**
 * Makes the receipts of a batch of `count` events before any of them is published. A refused event keeps this receipt.
 */
export function emptyReceipts(count: number): Receipt[] {
  return Array<Receipt>(count).fill({ $typeName, id: "" });
}

/** `id` is the text of the event's id. */
export function receiptOf(id: string, sockets: number): Receipt {
  return { $typeName, id, sockets };
}
