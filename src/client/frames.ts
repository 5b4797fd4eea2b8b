/** The frames of `eventwire.v1` as a consumer sees them, with a type for each event type that this release knows. */

import type { ControlFrame, EventFrame, eventTypeNames } from "../../gen/frames.js";

export type EventTypeName = (typeof eventTypeNames)[number];

/**
 * Stands for the name of an event type of a later release. At run time the name is any other text. It is a literal type
 * here, because TypeScript tells the members of a union by literal types alone.
 */
export type OtherTypeName = "(a type of a later release)";

/** The shape of `data` by event type, for the types whose shape the caller knows. */
export type DataShapes = { readonly [Name in EventTypeName]?: object };

/** An event of a known type. Its `data` has the shape that the caller gave for the type. */
export interface EventOf<Name extends EventTypeName, Shapes extends DataShapes = object>
  extends Omit<EventFrame, "event" | "data"> {
  readonly event: Name;
  readonly data: Name extends keyof Shapes ? NonNullable<Shapes[Name]> : Readonly<Record<string, unknown>>;
}

/** An event of a type that this release does not know. */
export interface OtherEvent extends Omit<EventFrame, "event"> {
  readonly event: OtherTypeName;
}

/** One event. A `switch` over `event` gives `data` the shape of each type. */
export type GatewayEvent<Shapes extends DataShapes = object> =
  | { [Name in EventTypeName]: EventOf<Name, Shapes> }[EventTypeName]
  | OtherEvent;

/** An event or a control frame. An event has the member `event`, and a control frame has the member `control`. */
export type Frame<Shapes extends DataShapes = object> = GatewayEvent<Shapes> | ControlFrame;
