/** Keeps a connection to the gateway open: reads the frames of one attempt after the other, and comes back after a loss. */

import type { ControlFrame, EffectiveFilter, EventFrame, HelloFrame, PongFrame } from "../../gen/frames.js";
import { socketUrl, withQuery } from "./address.js";
import { Narrowings, Pings } from "./asks.js";
import { Attempt } from "./attempt.js";
import type { Connection } from "./connection.js";
import { type ConnectionEnd, ConnectionEndedError, comingBack, endOf, isInvalidTicket } from "./connection-end.js";
import { FrameQueue } from "./frame-queue.js";
import type { DataShapes, Frame, GatewayEvent } from "./frames.js";
import type { Dial, LinkEnd } from "./link.js";
import type { ConnectionState, ConnectOptions } from "./options.js";
import { Progress } from "./progress.js";
import { StoredPosition } from "./stored-position.js";

const closedByCaller: ConnectionEnd = { code: 1000, reason: "closed by the client", reconnect: false, retryAfterMs: 0 };

type AnyFrame = EventFrame | ControlFrame;

export class LastingConnection<Shapes extends DataShapes> implements Connection<Shapes> {
  readonly #options: ConnectOptions<Shapes>;
  readonly #dial: Dial;
  readonly #url: string;
  readonly #parse: (text: string) => unknown;
  readonly #queue: FrameQueue<AnyFrame> | undefined;
  readonly #narrowings: Narrowings;
  readonly #pings: Pings;
  readonly #progress: Progress;
  readonly #stored: StoredPosition;
  readonly #opened = settleable<HelloFrame>();
  readonly #closed = settleable<ConnectionEnd>();
  readonly #closeAtAbort = (): void => this.close();
  #state: ConnectionState = "connecting";
  #attempt: Attempt | undefined;
  #end: ConnectionEnd | undefined;
  /** Runs until the next attempt. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  /** Whether the gateway refused the last ticket. */
  #ticketRefused = false;
  #waitsForReader = false;
  #iterated = false;

  /** Throws a TypeError for options that can never work. */
  constructor(options: ConnectOptions<Shapes>, dial: Dial) {
    const { url, instance, token, ticket, events = [], onEvent, signal } = options;
    if ((token === undefined) === (ticket === undefined))
      throw new TypeError("Give either a token or a function that fetches tickets.");
    this.#options = options;
    this.#dial = dial;
    this.#url = socketUrl(url, instance);
    this.#parse = options.parse ?? JSON.parse;
    const limits = { frames: options.queueFramesMax ?? 1_024, characters: options.queueCharactersMax ?? 2 ** 26 };
    if (onEvent === undefined) this.#queue = new FrameQueue(limits, () => this.#readerCaughtUp());
    this.#narrowings = new Narrowings(events, (text) => this.#attempt?.send(text));
    this.#pings = new Pings((text) => this.#attempt?.send(text));
    this.#stored = new StoredPosition(options.storage, `${this.#url} ${events.join()}`);
    this.#progress = new Progress(options.after ?? this.#stored.position, options.previous);
    signal?.addEventListener("abort", this.#closeAtAbort);
    // A callback may use the variable to which the caller assigns this connection, so the constructor calls none.
    queueMicrotask(() => {
      if (signal?.aborted) this.close();
      if (this.#state !== "closed") void this.#connect();
    });
  }

  get state(): ConnectionState {
    return this.#state;
  }
  get end(): ConnectionEnd | undefined {
    return this.#end;
  }
  get hello(): HelloFrame | undefined {
    return this.#progress.hello;
  }
  get position(): string | undefined {
    return this.#progress.position;
  }
  get opened(): Promise<HelloFrame> {
    return this.#opened.promise;
  }
  get closed(): Promise<ConnectionEnd> {
    return this.#closed.promise;
  }

  narrow(events: readonly string[]): Promise<EffectiveFilter> {
    if (this.#end !== undefined && this.#state === "closed") return Promise.reject(new ConnectionEndedError(this.#end));
    return this.#narrowings.ask(events, this.#state === "open");
  }

  ping(): Promise<PongFrame> {
    if (this.#state !== "open") return Promise.reject(new Error(`The connection is not open, but ${this.#state}.`));
    return this.#pings.ask();
  }

  close(): void {
    if (this.#state === "closed") return;
    this.#attempt?.close();
    this.#finish(closedByCaller, undefined);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<GatewayEvent<Shapes>> {
    for await (const frame of this.frames()) if ("event" in frame) yield frame;
  }

  frames(): AsyncIterableIterator<Frame<Shapes>> {
    const queue = this.#queue;
    if (queue === undefined) throw new TypeError("The events go to onEvent: leave it out to iterate.");
    if (this.#iterated) throw new TypeError("Only one loop can read a connection.");
    this.#iterated = true;
    let taken: AnyFrame | undefined;
    const frames: AsyncIterableIterator<Frame<Shapes>> = {
      [Symbol.asyncIterator]: () => frames,
      next: async () => {
        if (taken !== undefined) this.#stored.dealtWith(taken);
        const result = await queue.take();
        taken = result.done === true ? undefined : result.value;
        // The caller vouches for the shapes of the data. Nothing checks them at run time.
        return result as IteratorResult<Frame<Shapes>>;
      },
      return: async () => {
        this.close();
        queue.clear();
        return { done: true, value: undefined };
      },
    };
    return frames;
  }

  async #connect(): Promise<void> {
    const { token, ticket } = this.#options;
    const attempt = new Attempt({
      dial: this.#dial,
      token,
      ticket,
      urlWith: (fetched) => this.#urlWith(fetched),
      onText: (text) => this.#received(text),
      onLost: (end) => this.#lost(end),
    });
    this.#attempt = attempt;
    this.#enter("connecting");
    // A callback may have closed the connection.
    if (!attempt.isOver) await attempt.start();
  }

  #urlWith(ticket: string | undefined): string {
    const { position: after, connection: previous } = this.#progress;
    return withQuery(this.#url, { events: this.#narrowings.present(), after, previous, ticket });
  }

  #received(text: string): void {
    let frame: AnyFrame;
    try {
      frame = this.#parse(text) as AnyFrame;
      if (typeof frame !== "object" || frame === null) throw new TypeError("A frame must be a JSON object.");
    } catch (cause) {
      this.#attempt?.leave("a frame cannot be read", cause);
      return;
    }
    if (this.#queue?.fits(text.length) === false) {
      // The position of the frame is not noted, so that a resumed connection begins with this frame.
      this.#waitsForReader = true;
      this.#attempt?.leave("the frames are not read fast enough");
      return;
    }
    const gap = this.#progress.note(frame);
    if ("control" in frame) this.#heed(frame);
    this.#give(frame, text.length);
    if (gap !== undefined && this.#state === "open") this.#give(gap, 0);
  }

  #heed(frame: ControlFrame): void {
    if (frame.control === "hello") this.#open(frame);
    else if (frame.control === "closing" && this.#attempt !== undefined) this.#attempt.closing = frame;
    else if (frame.control === "refused" && this.#attempt !== undefined) this.#attempt.refused = frame;
    else if (frame.control === "narrowed") this.#narrowings.answered(frame.filter);
    else if (frame.control === "error") this.#narrowings.refused(frame.message);
    else if (frame.control === "pong") this.#pings.answered(frame);
  }

  #open(hello: HelloFrame): void {
    this.#attempt?.opened(hello.heartbeatSeconds);
    this.#enter("open");
    this.#opened.resolve(hello);
    this.#narrowings.answered(hello.filter);
  }

  /** Hands a frame to the caller. Nothing else may be left to do for the frame, because a callback may throw. */
  #give(frame: AnyFrame, characters: number): void {
    this.#queue?.push(frame, characters);
    if ("control" in frame) this.#options.onControl?.(frame);
    else this.#options.onEvent?.(frame as unknown as GatewayEvent<Shapes>);
    if (this.#queue === undefined) this.#stored.dealtWith(frame);
  }

  #lost(link: LinkEnd): void {
    const { wasGood, closing, refused } = this.#attempt ?? {};
    if (wasGood) this.#failures = 0;
    if (link.refused !== undefined) this.#give(link.refused, 0);
    if (this.#state === "closed") return;
    const end = this.#tryNextTicket(endOf({ ...link, refused: link.refused ?? refused }, closing, this.#failures++));
    this.#forgetAttempt();
    this.#pings.end(new ConnectionEndedError(end));
    if (end.reconnect) {
      this.#end = end;
      if (!this.#waitsForReader) this.#comeBack(end);
      this.#enter("waiting");
    } else this.#finish(end, new ConnectionEndedError(end));
  }

  /** A ticket may be too old when it arrives, so the client tries another one before it believes a refusal. */
  #tryNextTicket(end: ConnectionEnd): ConnectionEnd {
    const before = this.#ticketRefused;
    this.#ticketRefused = this.#options.ticket !== undefined && isInvalidTicket(end);
    return this.#ticketRefused && !before ? comingBack(end) : end;
  }

  #comeBack({ retryAfterMs }: ConnectionEnd): void {
    this.#timer = setTimeout(() => void this.#connect(), retryAfterMs);
  }

  #readerCaughtUp(): void {
    if (!this.#waitsForReader) return;
    this.#waitsForReader = false;
    if (this.#end !== undefined && this.#state === "waiting") this.#comeBack(this.#end);
  }

  #finish(end: ConnectionEnd, error: ConnectionEndedError | undefined): void {
    this.#forgetAttempt();
    this.#options.signal?.removeEventListener("abort", this.#closeAtAbort);
    this.#end = end;
    const refusal = error ?? new ConnectionEndedError(end);
    this.#narrowings.end(refusal);
    this.#pings.end(refusal);
    this.#queue?.end(error);
    this.#opened.reject(refusal);
    this.#closed.resolve(end);
    this.#enter("closed");
  }

  #forgetAttempt(): void {
    clearTimeout(this.#timer);
    this.#attempt?.end();
    this.#attempt = undefined;
  }

  #enter(state: ConnectionState): void {
    this.#state = state;
    this.#options.onState?.(state, state === "waiting" || state === "closed" ? this.#end : undefined);
  }
}

/** Makes a promise with the functions that settle it. An unhandled rejection of the promise is no error. */
function settleable<T>() {
  let resolve: (value: T) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<T>((resolved, rejected) => {
    resolve = resolved;
    reject = rejected;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}
