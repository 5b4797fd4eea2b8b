/** The frames of the consumer protocol in their JSON form. Generated from proto/; do not edit. */

/** The names of the event types that this release knows. */
export const eventTypeNames = ["message.exchange", "message.status", "call.update", "group.flow", "instance.state", "label.update"] as const;

/** The instance that the event happened on. It has no token, because no `eventwire.v1` frame carries a credential. */
export interface EventFrameInstanceData {
  /** The setting PUBLIC_URL of the gateway, without a trailing slash. */
  readonly baseUrl: string;
  /** Name of the instance. */
  readonly instance: string;
}

/** One event. */
export interface EventFrame {
  /** Type of the event; see EventType. Ignore an event of a type that you do not know. */
  readonly event: string;
  /** The event's id: a UUIDv7 of 36 characters in lower case. It is the same on every connection and in the answer to the publisher. Use it to recognise an event that you have seen. */
  readonly id: string;
  /** The time when the gateway accepted the event. */
  readonly time: string;
  /** The place of the event in the history: opaque ASCII text of at most 64 characters. Store the last one, and present it as `after` when you connect again. Absent when no consumer can go on after this event, as while no history is kept. Then forget the position that you have stored, because that position stands before this event. */
  readonly position?: string;
  /** When it happened, as the producer said in `occurred_at`. Absent when the producer did not say. */
  readonly occurredAt?: string;
  /** Over a WebSocket: the object itself, byte for byte as it was published, but for its media. The `base64` of its media stands in it only while the channel has `mediaBase64`, and only up to MEDIA_MAX_BYTES (8 MiB by default). */
  readonly data: Readonly<Record<string, unknown>>;
  /** The instance that the event happened on. */
  readonly instanceData: EventFrameInstanceData;
}

/** The events that a connection gets. */
export interface EffectiveFilter {
  /** The event types that are delivered, each once and in the order of EventType. A filter that takes all types lists all of them. Empty when the owner's filter takes none of the types that the client asked for: then no event is delivered. */
  readonly events: readonly string[];
  /** Whether `message.exchange` events come with their media: inline as base64 over a WebSocket, as raw bytes in a Subscribe stream. */
  readonly mediaBase64: boolean;
}

/** How much history the gateway keeps of an instance. The history of all instances also has a limit in bytes (HISTORY_BYTES), so busy instances may shorten the history of others. */
export interface History {
  /** Most events of an instance that are kept. */
  readonly events: number;
  /** How long an event is kept, in seconds. Events are kept while a consumer of `eventwire.v1` is connected, and for this long after the last one left. */
  readonly seconds: number;
}

/** How an earlier connection ended. The gateway knows that for HISTORY_SECONDS, on all nodes, if it closed the connection itself and a history is kept. It tells only the holder of the token that the earlier connection had. */
export interface PreviousClose {
  /** The id of that connection. */
  readonly connection: string;
  /** Its close code, such as 4008; 0 when the gateway does not know how it ended. */
  readonly code: number;
  /** The reason text of the close; `unknown` when the gateway does not know how it ended. */
  readonly reason: string;
  /** The frames that waited for that connection when its close was decided. */
  readonly waitingFrames: number;
  /** The bytes that waited for that connection when its close was decided. */
  readonly waitingBytes: number;
}

/** The first frame of every connection that is not refused. */
export interface HelloFrame {
  /** Always `hello`. */
  readonly control: "hello";
  /** The id of this connection, for logs and for `previous`. */
  readonly connection: string;
  /** Name of the instance. Empty on a connection that gets all instances of an account. */
  readonly instance: string;
  /** The events that this connection gets. */
  readonly filter: EffectiveFilter;
  /** Counts the changes of the channel configuration. The first configuration has version 1, and to store the same values again is no change. It is 0 on a connection that gets all instances of an account. */
  readonly configurationVersion: number;
  /** How much history is kept. Null when none is kept. */
  readonly history: History | null;
  /** The position where the live events begin. Null when no history is kept. Store it, unless `resumed` is true: then the events up to this position follow. */
  readonly position: string | null;
  /** Whether the connection goes on after the position in `after`. If true, every event since that position that the filter takes follows, once and in order, and then the live events. If false, none of these events follows, and a `gap` frame says which may be missing. Null when the client did not ask to go on. */
  readonly resumed: boolean | null;
  /** Why `resumed` is false, as a text: `no history is kept`, `the text is not a position`, `the position is of another history` (the gateway or its NATS was started anew), `the history does not reach back to the position` (HISTORY_SECONDS, HISTORY_EVENTS, HISTORY_BYTES) or `the history is away`. Null when `resumed` is true or null. */
  readonly resumeRefusal: string | null;
  /** How many earlier events follow, up to the position in `position`. They pass the filter in this frame. They do not count as waiting frames, and the gateway sends them no faster than the client reads. When the filter changes while they are sent, the new filter holds for every event after the frame that tells of the change. A client that reads so slowly that the history drops its next event is closed with 4008. */
  readonly replayed: number;
  /** When the gateway has sent nothing for this many seconds, it sends a `position` frame. It may send the frame up to a quarter of this time earlier. A client that gets no frame for twice this time should connect again. */
  readonly heartbeatSeconds: number;
  /** Most frames that may wait for this connection. With more it is closed with 4008. Control frames count like events, except `pong` and `error`: of each of these at most one waits, and a new one replaces it. */
  readonly waitingFramesMax: number;
  /** Most bytes that may wait for this connection. With more it is closed with 4008. */
  readonly waitingBytesMax: number;
  /** The time at the gateway. */
  readonly time: string;
  /** How the connection ended that the client named as `previous`. Null when the client named none. */
  readonly previous: PreviousClose | null;
}

/** The owner changed, disabled or enabled the channel. On a connection that gets all instances of an account, an instance may also have been created or deleted. */
export interface ConfigChangedFrame {
  /** Always `config_changed`. */
  readonly control: "config_changed";
  /** Name of the instance. */
  readonly instance: string;
  /** Whether the channel accepts new connections. A connection that is open stays open when its channel is disabled, and keeps its filter. */
  readonly enabled: boolean;
  /** The events that this connection gets from now on. */
  readonly filter: EffectiveFilter;
  /** The version of the configuration that is in force now. */
  readonly configurationVersion: number;
  /** `changed`, or on a connection that gets all instances of an account: `created` or `deleted`. */
  readonly change: string;
}

/** Events may be missing on this connection. They do not come later. */
export interface GapFrame {
  /** Always `gap`. */
  readonly control: "gap";
  /** Why: `bus_interrupted` (the bus between the nodes was away from the node of this connection), `bus_lost` (events that another node accepted did not arrive or could not be read, for example because the bus was away from that node), `history_expired` (the client asked to go on after a position, and `resumed` in its `hello` is false) or `history_interrupted` (a node could not put events into the history that the nodes share, or the nodes put more events there than the history holds). A later release may send other reasons. */
  readonly reason: string;
  /** Events that were accepted from this time on may be missing. The gateway sets this time a little too early rather than too late, because the clocks of its nodes may differ. After a text that is not a position it is the year 1970. */
  readonly from: string;
  /** Events that were accepted after this time are not missing because of this gap. */
  readonly until: string;
  /** How many events are missing. Null when that is not known. */
  readonly missed: number | null;
  /** Name of the instance whose events are missing. Null when the gap may concern every instance of this connection. */
  readonly instance: string | null;
}

/** No frame was sent for `heartbeatSeconds`, or for up to a quarter less. The connection works, and the gateway had nothing to send. */
export interface PositionFrame {
  /** Always `position`. */
  readonly control: "position";
  /** The position up to which this connection has got everything. Store it like that of an event. Null when no history is kept. */
  readonly position: string | null;
  /** The time at the gateway. */
  readonly time: string;
}

/** Answers `narrow`. The filter holds for every event after this frame, and for no event before it. When a client sends `narrow` again before this frame, the last message counts, and one frame answers all. */
export interface NarrowedFrame {
  /** Always `narrowed`. */
  readonly control: "narrowed";
  /** The events that this connection gets from now on. */
  readonly filter: EffectiveFilter;
}

/** The connection ends after this frame. A connection that takes no bytes gets neither this frame nor a close frame. */
export interface ClosingFrame {
  /** Always `closing`. */
  readonly control: "closing";
  /** The close code; see CloseReason. */
  readonly code: number;
  /** The reason text of the close. */
  readonly reason: string;
  /** Whether the client should connect again by itself. */
  readonly reconnect: boolean;
  /** How long the client should wait before it connects again, in milliseconds; 0 when `reconnect` is false. The time is random, so that many clients do not come back at once: up to 5 seconds after a shutdown, and from 1 to 5 seconds after any other close. */
  readonly retryAfterMs: number;
  /** The frames that waited for this connection when its close was decided. They were dropped. */
  readonly waitingFrames: number;
  /** The bytes that waited for this connection when its close was decided. */
  readonly waitingBytes: number;
  /** The position of the last event that was sent to this connection. When there was no event, the position where the connection began. Null when the last event had no position, when no history is kept, and when the connection still had to get frames from before a `narrowed` frame. */
  readonly position: string | null;
}

/** The handshake is refused. The close frame follows. Only WebSockets get this frame; a refused Subscribe ends with the error. A client with a token in a header sees the HTTP status of the refused handshake and gets no such frame. The same holds for a client whose query has `refusal=http`, and for all clients while a node tells 256 others why it refuses them. */
export interface RefusedFrame {
  /** Always `refused`. */
  readonly control: "refused";
  /** The HTTP status of the error. */
  readonly status: number;
  /** The text of the error. */
  readonly message: string;
  /** Whether the client should connect again by itself. */
  readonly reconnect: boolean;
  /** How long the client should wait before it connects again, in milliseconds. */
  readonly retryAfterMs: number;
  /** Name of the error's reason for programs, such as `INSTANCE_NOT_FOUND`. */
  readonly reason: string;
  /** The rule that the request broke, as one sentence. Null when the message says everything. */
  readonly rule: string | null;
}

/** A message of the client was not understood. The connection stays open. The tenth such message within a minute ends it with 4000. */
export interface ErrorFrame {
  /** Always `error`. */
  readonly control: "error";
  /** What is wrong with the message that the client sent, as one sentence. */
  readonly message: string;
}

/** Answers `ping`. Several pings that arrive at once may share an answer. */
export interface PongFrame {
  /** Always `pong`. */
  readonly control: "pong";
  /** The time at the gateway. */
  readonly time: string;
}

/** A message of the client over a WebSocket: a JSON object of at most 4 KiB. Anything else is answered with ErrorFrame, and a larger message ends the connection with 1009. The gateway reads at most 100 messages of a connection within ten seconds, so that no client keeps others waiting. A message beyond that is answered with ErrorFrame too. */
export interface ClientMessage {
  /** `narrow` or `ping`. */
  readonly control: string;
  /** For `narrow`: the event types that the client wants from now on, at most 64. They only ever narrow the owner's filter. An empty list means the whole of it. */
  readonly events: readonly string[];
}

/** A frame that is no event. Its member `control` names its kind. */
export type ControlFrame = HelloFrame | ConfigChangedFrame | GapFrame | PositionFrame | NarrowedFrame | ClosingFrame | RefusedFrame | ErrorFrame | PongFrame;
