/**
 * The port of delivery. Transports add consumers to the hub, close them, and report what happens on their connections.
 * The directory tells the hub of revoked tokens and changed channels. Publishing asks how many consumers take an event,
 * and metrics read the hub's counts.
 */

import type { Bus } from "../bus/bus.js";
import type { DirectoryListener, Entry } from "../directory/directory.js";
import type { Close } from "../domain/closes.js";
import type { EventType } from "../domain/event-type.js";
import type { Principal } from "../domain/instance.js";
import type { History } from "../history/history.js";
import type { ClosedConsumer } from "./closings.js";
import type { Consumer } from "./consumer.js";
import type { FrameFormat } from "./frames/frame.js";
import type { FindEntry } from "./selection.js";
import type { Reservation, Scope } from "./stream-registry.js";
import type { View } from "./view.js";

/** What the hub has counted since it was created. Metrics read these numbers when they are scraped. */
export interface HubStats {
  consumers: number;
  /** How many events the bus gave to this node. An event counts twice if both its instance and its whole account have consumers. */
  events: number;
  /** How many events from the bus gave no frame, because no stream's filter took them. */
  filtered: number;
  /** How many frames were built. An event gives one frame for each stream whose filter takes it. */
  framesBuilt: number;
  /** How many frames all consumers got, in sum. A frame that waits for a blocked consumer counts too. */
  framesDelivered: number;
  /** How many clients asked to go on after a position, by outcome: `resumed`, or why not (see `GroupResume`). */
  readonly resumes: Map<string, number>;
  /** How many connections the gateway closed, by close code. */
  readonly closes: Map<number, number>;
}

/** What a client asks about its earlier connection when it connects again. */
export interface Asked {
  /** The position after which the client wants to go on. */
  readonly after?: string | undefined;
  /** The id of an earlier connection whose end the client wants to know. */
  readonly previous?: string | undefined;
}

export interface Hub extends DirectoryListener {
  readonly stats: Readonly<HubStats>;
  /**
   * Makes the events of an instance, or of all instances of an account, come to this node, for a consumer with this
   * format. Call it before `add`. The channel of the instance must be enabled. Also finds what the client asks; give `add` the same
   * object.
   */
  reserve(scope: Scope, format: FrameFormat, asked?: Asked): Reservation;
  /**
   * Adds a consumer, which gets every event from now on if its scope was reserved. The channel of the instance must be
   * enabled. The format of a consumer of a whole account must have control frames. If the format of the view has control
   * frames, the consumer's first frame is `hello`, which answers `asked`.
   */
  add<Connection>(
    connection: Connection,
    scope: Scope,
    principal: Principal,
    view: View<Connection>,
    asked?: Asked,
  ): Consumer;
  /** Returns how many consumers get events of this type of an instance. Those of its whole account count too. */
  takers(entry: Entry, type: EventType): number;
  /** Tells the hub that the connection of a consumer is gone. A second call does nothing. */
  remove(consumer: Consumer): void;
  /** Tells the hub that the connection of a consumer took some of its waiting bytes. */
  drained(consumer: Consumer): void;
  /** Tells the hub that the peer of a consumer answered a ping of the gateway. */
  ponged(consumer: Consumer): void;
  /** Tells the hub that a consumer's peer sent a ping, and that the transport answered with a pong. */
  pinged(consumer: Consumer): void;
  /** Tells the hub that the peer of a consumer sent a whole message. */
  heard(consumer: Consumer): void;
  /**
   * Narrows what a consumer gets to these event types (the bits of `eventTypeBit`). The owner's filter holds as before, so `allTypes`
   * gives the consumer all that the owner's filter takes. The consumer gets `narrowed` between the events that were accepted before
   * the change and those after it. When `narrow` is called again before a change, the last call counts, and one `narrowed` answers
   * all. Does nothing for a consumer without control frames.
   */
  narrow(consumer: Consumer, types: number): void;
  /**
   * Answers a `ping` message of a client with `pong`. Several calls in one turn give one `pong`. Does nothing for a consumer without
   * control frames.
   */
  answerPing(consumer: Consumer): void;
  /**
   * Answers a message that nobody understands with `error`, which has at most 200 characters of `message`. The tenth call within a
   * minute closes the consumer with 4000. Does nothing for a consumer without control frames.
   */
  misunderstood(consumer: Consumer, message: string): void;
  /**
   * Returns the connection id that `hello` tells the consumer. Undefined for a consumer without control frames, and after the hub has
   * decided to close the consumer.
   */
  connectionId(consumer: Consumer): string | undefined;
  /** Closes one consumer. Its peer is sent the reason as soon as it can read it, or is cut if it does not read. */
  end(consumer: Consumer, close: Close): void;
  /**
   * Closes every consumer, in random order over at most `overMs` ms (see `drainSchedule`). Open consumers still get
   * events. A consumer that is added meanwhile is closed at the end. Resolves when every consumer was sent its reason
   * or was cut, at most five seconds after the last close.
   */
  close(close: Close, overMs: number): Promise<void>;
}

export interface HubOptions {
  readonly bus: Bus;
  /** Keeps events for consumers with control frames that connect again. Undefined when no history is kept. */
  readonly history?: History | undefined;
  /** Looks in the directory for an instance, when a consumer of its whole account may get an event. */
  readonly findEntry: FindEntry;
  /** Most bytes that may wait for one consumer. The hub closes a consumer for which more bytes would wait. */
  readonly pendingBytesMax: number;
  /**
   * Most bytes that may wait for all consumers together; no limit by default. With more, the hub closes consumers one
   * after the other, first the consumer for which the most bytes wait.
   */
  readonly waitingBytesMax?: number;
  /**
   * How many ms a connection may take no byte, or stay blocked after its close was decided. Then the hub cuts the
   * connection. 60,000 by default.
   */
  readonly closeGraceMs?: number;
  /** How many seconds a peer may be silent. Then the hub cuts the connection. 48 by default. */
  readonly idleSeconds?: number;
  /**
   * How many seconds pass at most between two frames of a stream with control frames: when there is no event, the hub sends
   * `position`. Half of `idleSeconds` by default.
   */
  readonly heartbeatSeconds?: number;
  /** Called for every connection that the hub has closed. */
  readonly onClosed?: (closed: ClosedConsumer) => void;
}
