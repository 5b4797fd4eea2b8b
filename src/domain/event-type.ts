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

/** One bit per type, so that a filter is a number and its question is one `&`. */
export const eventTypeBit: ReadonlyMap<string, number> = new Map(eventTypes.map((type, i) => [type, 1 << i]));

/** Names are compared exactly: another case is another, unknown type. */
export function isEventType(name: string): name is EventType {
  return eventTypeBit.has(name);
}

/** What a refused name must be, in the words that protovalidate has for a list of values. */
export const eventTypeRule = `must be in list [${eventTypes.join(", ")}]`;
