/** One attempt to connect to the gateway, and the link that comes of it, until the link ends. */

import type { ClosingFrame, RefusedFrame } from "../../gen/frames.js";
import { type Dial, type Link, type LinkEnd, withoutCloseFrame } from "./link.js";
import { Silence } from "./silence.js";

export interface AttemptOptions {
  readonly dial: Dial;
  readonly token: string | undefined;
  readonly ticket: (() => string | Promise<string>) | undefined;
  /** Makes the URL of the link, when the ticket is there. */
  readonly urlWith: (ticket: string | undefined) => string;
  readonly onText: (text: string) => void;
  /** Called when the link has ended, or did not come about. */
  readonly onLost: (end: LinkEnd) => void;
}

/** Longest time from the start of an attempt to its `hello`, in milliseconds. */
const helloMaxMs = 10_000;
/** After a link was open for this long, in milliseconds, the waits between attempts are short again. */
const goodAfterMs = 10_000;

export class Attempt {
  /** The `closing` frame that arrived on the link. */
  closing: ClosingFrame | undefined;
  /** The refusal that arrived on the link. */
  refused: RefusedFrame | undefined;
  readonly #options: AttemptOptions;
  readonly #silence = new Silence();
  #link: Link | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #openedAt: number | undefined;
  #isOver = false;

  constructor(options: AttemptOptions) {
    this.#options = options;
  }

  /** Whether `end` was called. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether the link was open for long. */
  get wasGood(): boolean {
    return this.#openedAt !== undefined && performance.now() - this.#openedAt >= goodAfterMs;
  }

  /** Fetches a ticket, if one is needed, and dials. Never rejects. */
  async start(): Promise<void> {
    const { dial, token, ticket, urlWith, onText, onLost } = this.#options;
    this.#timer = setTimeout(() => this.leave(`no hello within ${helloMaxMs / 1000} s`), helloMaxMs);
    let fetched: string | undefined;
    try {
      fetched = await ticket?.();
    } catch (cause) {
      const reason = `no ticket: ${cause instanceof Error ? cause.message : String(cause)}`;
      if (!this.#isOver) onLost({ code: withoutCloseFrame, reason, cause });
      return;
    }
    if (this.#isOver) return;
    const received = (text: string): void => {
      this.#silence.heard();
      onText(text);
    };
    this.#link = dial({ url: urlWith(fetched), token }, { received, ended: onLost });
  }

  /** Notes that `hello` has come. */
  opened(heartbeatSeconds: number): void {
    clearTimeout(this.#timer);
    this.#openedAt = performance.now();
    this.#silence.watch(heartbeatSeconds, () => this.leave(`nothing was heard for ${2 * heartbeatSeconds} s`));
  }

  send(text: string): void {
    this.#link?.send(text);
  }

  /** Cuts the link from the side of the client. The attempt counts as lost. */
  leave(reason: string, cause?: unknown): void {
    this.#link?.drop();
    this.#options.onLost({ code: withoutCloseFrame, reason, cause });
  }

  /** Closes the link as the protocol says. */
  close(): void {
    this.#link?.close();
  }

  /** Ends all waiting, and forgets the link. */
  end(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#silence.stop();
    this.#link = undefined;
  }
}
