import { expect, it } from "vitest";
import type { WaitingDelivery } from "../../src/store/webhook-queue.js";
import { LaneMemory } from "../../src/webhooks/lane-memory.js";

function deliveries(first: number, last: number): WaitingDelivery[] {
  return Array.from({ length: last - first + 1 }, (_, i) => {
    const event = { id: "", instanceId: "", type: "call.update" as const, time: 0, data: Buffer.alloc(0) };
    return {
      ...{ webhookId: "1", number: first + i, attempts: 0, firstAt: undefined, dueAt: 0, bytes: 1, shared: false },
      event: { ...event, media: undefined, mediaAt: undefined, slot: undefined },
    };
  });
}

/** The numbers that are sent, one after the other. */
function sent(memory: LaneMemory): number[] {
  const numbers: number[] = [];
  for (let next = memory.begin(); next !== undefined; next = memory.begin()) numbers.push(next.number);
  return numbers;
}

it("reads deliveries again that it left to the database, also when they were left while the database was asked", () => {
  const memory = new LaneMemory({ hasRoom: true, held() {}, hanging() {} });
  memory.ask(0);
  memory.give(deliveries(1, 4), false);
  const head = memory.begin();
  expect([head?.number, memory.ask(0)]).toEqual([1, true]);
  // The request of the first delivery hangs meanwhile.
  memory.leave(true);
  memory.give(deliveries(5, 6), false);
  expect(sent(memory)).toEqual([]);
  expect([memory.ask(0), memory.wanted("1").after]).toEqual([true, 1]);
  memory.give(deliveries(2, 6), false);
  expect(sent(memory)).toEqual([2, 3, 4, 5, 6]);
});
