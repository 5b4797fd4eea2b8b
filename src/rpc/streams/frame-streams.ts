/** The port of whoever sends frames to the streams of consumers, as the methods and protocols of the contract see it. */

import type { Writable } from "node:stream";
import type { Entry } from "../../directory/directory.js";
import type { Close } from "../../domain/closes.js";
import type { Principal } from "../../domain/instance.js";

/** The form of the messages of a call. */
export interface MessageForm {
  /** Whether they are JSON. Otherwise they have Protobuf's binary form. */
  readonly json: boolean;
  /** Whether they are sent in base64, as gRPC-Web has it for browsers. */
  readonly text: boolean;
}

/** A client's stream, to which frames are written with the prefix of a message. */
export interface FrameSink {
  /** Its `error` event is heard by the transport. */
  readonly writable: Writable;
  /** Asks the peer for a sign of life. */
  ping(answered: () => void): void;
  /** Writes why, after everything that was written, and ends the stream. */
  end(close: Close): void;
  /** Ends the stream at once. */
  cut(): void;
}

/** What a consumer wants to see of its instance. */
export interface Wanted {
  readonly entry: Entry;
  readonly principal: Principal;
  /** Empty means all that the channel takes. */
  readonly events: readonly string[];
  readonly media: boolean;
  /** The position after which the client wants to go on, and the id of an earlier connection. Empty when the client named none. */
  readonly after: string;
  readonly previous: string;
}

export interface FrameStreams {
  /**
   * Call it before a stream is opened: it makes sure that events of the instance come to this node. `inForce` resolves when the
   * next event, published on whatever node, would come; it is undefined when the event would come already. Throws
   * SHUTTING_DOWN.
   */
  reserve(entry: Entry): { readonly inForce: Promise<void> | undefined; release(): void };
  /** From now on the stream gets frames, until it ends or closes. The entry must be enabled. */
  open(sink: FrameSink, wanted: Wanted, form: MessageForm): OpenStream;
}

export interface OpenStream {
  /** Gives the stream no more frames. Its owner ends it. */
  leave(): void;
}
