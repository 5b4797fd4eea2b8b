/** The settlement of the webhooks as a Markdown table. */

import type { Fault } from "../books.js";
import { faultRows } from "../table.js";
import type { WebhookSettlement, WebhookTally } from "./settle-webhooks.js";

const columns: readonly (readonly [title: string, key: keyof WebhookTally])[] = [
  ["deliveries due", "due"],
  ["arrived", "arrived"],
  ["webhook disabled meanwhile", "disabled"],
  ["lost", "lost"],
  ["arrived again", "duplicates"],
];

export function renderWebhooks(settlement: WebhookSettlement, faults: readonly Fault[]): string {
  const { byFault, total, reasons, lost, disordered, wrong } = settlement;
  const why = [...reasons].sort().map(([reason, count]) => `${reason} ${count.toLocaleString("en")}`);
  return [
    ...faultRows(columns, byFault, total, faults),
    "",
    `Lost: ${lost.length}. Out of order: ${disordered.length}. Wrong: ${wrong.length}.`,
    `Arrived again: ${why.join("; ") || "none"}.`,
    `Not counted, because the webhook was changing: ${total.uncertain.toLocaleString("en")}. ` +
      `Arrived without a success to the publisher: ${total.unanswered.toLocaleString("en")}.`,
  ].join("\n");
}
