/**
 * The interface by which a Subscribe call becomes a consumer: it opens a stream of frames on the client's connection. The
 * transport implements the interface with the hub of the node.
 */

import type { Writable } from "node:stream";
import type { Entry } from "../../directory/directory.js";
import type { Close } from "../../domain/closes.js";
import type { Principal } from "../../domain/instance.js";

/** The form in which the frames of a call are written. */
export interface MessageForm {
  /** Whether the messages are JSON. Otherwise they have Protobuf's binary form. */
  readonly json: boolean;
  /** Whether all bytes are sent in base64: the text form of gRPC-Web, which browsers use. */
  readonly text: boolean;
}

/** The client's end of a Subscribe call, to which frames are written, each with the prefix of an RPC message. */
export interface FrameSink {
  /** The stream of Node.js to write to. The transport listens to its `error` event. */
  readonly writable: Writable;
  /** Asks the peer for a sign of life. Calls `answered` when the peer gives one. */
  ping(answered: () => void): void;
  /** Whether the peer itself answers a ping. Over HTTP/1.1, `answered` says only that the kernel took all bytes. */
  readonly answersPings: boolean;
  /** Ends the stream after everything that was written, and tells the client this close as the error of the call. */
  end(close: Close): void;
  /** Ends the stream at once, and tells the client nothing. */
  cut(): void;
}

/** What a stream carries events of: one instance, or all instances of an account. */
export type StreamScope = Entry | { readonly accountId: string };

/** What a consumer wants to see. */
export interface Wanted {
  readonly scope: StreamScope;
  readonly principal: Principal;
  /** The event types that the client wants. Empty means all that the channel takes. */
  readonly events: readonly string[];
  /** The event types that the client's ticket allows, as bits (see `eventTypeBit`). All types for a client with a token. */
  readonly typesMax: number;
  /** Whether the client wants media. It gets media only if the channel configuration asks for media too. */
  readonly media: boolean;
  readonly asked: AskedOfPast;
}

/** What a client asks about its earlier connection. */
export interface AskedOfPast {
  /** The position after which the client wants to go on. */
  readonly after: string | undefined;
  /** The id of an earlier connection. */
  readonly previous: string | undefined;
}

export interface FrameStreams {
  /**
   * Makes the events of the scope come to this node. Call it before `open`, and call `release` after `open`, or when
   * no stream is opened. `inForce` resolves when the next event comes, whichever node it is published at; it is
   * undefined when that is so already. Then call `check`, which throws OLDER_NODE when some events of a whole account
   * would not come. Throws SHUTTING_DOWN. `asked`: the same object as in `Wanted`.
   */
  reserve(
    scope: StreamScope,
    asked: AskedOfPast,
  ): { readonly inForce: Promise<void> | undefined; check(): void; release(): void };
  /**
   * Makes the stream a consumer, which gets frames until it ends or closes. The channel of the instance in `wanted` must
   * be enabled.
   */
  open(sink: FrameSink, wanted: Wanted, form: MessageForm): OpenStream;
}

export interface OpenStream {
  /** Gives the stream no more frames, and does not end it. The caller must end it. */
  leave(): void;
}
