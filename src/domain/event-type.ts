/**
 * The event types, and the bit that each has in a filter. The contract lists the types in the proto enum `EventType`; a
 * test compares the two lists.
 */

/**
 * All event types, in the order of the contract. At most 31 types fit, because a filter keeps one bit for each type in
 * a number of 32 bits.
 */
export const eventTypes = [
  "message.exchange",
  "message.status",
  "call.update",
  "group.flow",
  "instance.state",
  "label.update",
] as const;

export type EventType = (typeof eventTypes)[number];

/** The bit of each event type. A filter is a number of such bits, so one `&` tells whether the filter takes a type. */
export const eventTypeBit: ReadonlyMap<string, number> = new Map(eventTypes.map((type, i) => [type, 1 << i]));

/** Whether the name is an event type. Upper and lower case count as different letters. */
export function isEventType(name: string): name is EventType {
  return eventTypeBit.has(name);
}

/** The rule that an unknown event type breaks. protovalidate words its rule for a list of values in the same way. */
export const eventTypeRule = `must be in list [${eventTypes.join(", ")}]`;
