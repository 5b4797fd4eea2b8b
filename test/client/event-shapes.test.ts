/** What TypeScript knows of events: `npm run check` is the test, and running it shows that the calls exist. */

import { expect, expectTypeOf, it } from "vitest";
import type { Connection, EventTypeName, GatewayEvent } from "../../src/client/browser.js";

interface Message {
  readonly id: string;
}
type Shapes = { "message.exchange": Message };

/** What a caller writes. */
function read(event: GatewayEvent<Shapes>): string {
  switch (event.event) {
    case "message.exchange":
      expectTypeOf(event.data).toEqualTypeOf<Message>();
      return event.data.id;
    case "call.update":
      expectTypeOf(event.data).toEqualTypeOf<Readonly<Record<string, unknown>>>();
      return event.event;
    case "message.status":
      expectTypeOf(event.event).toExtend<EventTypeName>();
      return event.id;
    default:
      expectTypeOf(event.event).toExtend<string>();
      return `unknown ${event.event}`;
  }
}

it("a switch over the type gives the data its shape, and leaves the types of later releases over", () => {
  const event = { event: "weather.report", data: {} } as unknown as GatewayEvent<Shapes>;
  expect(read(event)).toBe("unknown weather.report");
});

it("iterating gives events, and frames gives control frames too", () => {
  expectTypeOf<Connection<Shapes>>().toExtend<AsyncIterable<GatewayEvent<Shapes>>>();
  expectTypeOf<Awaited<ReturnType<ReturnType<Connection["frames"]>["next"]>>["value"]>().toExtend<
    { readonly event: string } | { readonly control: string } | undefined
  >();
});
