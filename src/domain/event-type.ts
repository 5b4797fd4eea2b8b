/** The event types, as bits of a filter. The contract's own list is `EventType` in proto; a test compares the two. */

/** In the order of the contract. At most 31, since a filter is a number of 32 bits. */
export const eventTypes = [
  "message.exchange",
  "message.status",
  "call.update",
  "group.flow",
  "instance.state",
  "label.update",
] as const;

export type EventType = (typeof eventTypes)[number];

/** One bit per type. A filter is then a number, and one `&` tells whether it takes a type. */
export const eventTypeBit: ReadonlyMap<string, number> = new Map(eventTypes.map((type, i) => [type, 1 << i]));

/** Whether the name is an event type. Names are compared exactly, so a type in another case is unknown. */
export function isEventType(name: string): name is EventType {
  return eventTypeBit.has(name);
}

/** What a refused name must be, in the words that protovalidate has for a list of values. */
export const eventTypeRule = `must be in list [${eventTypes.join(", ")}]`;
