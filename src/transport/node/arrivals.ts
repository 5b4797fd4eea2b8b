/**
 * Decides when a call on the service port is served. A call is not served in the turn of the event loop that reads it.
 * So a reset in the same read is seen first, and the call is dropped. Of the calls without a valid token, only a few
 * are served in each turn of the event loop, one connection after the other.
 */

import { tokenFrom } from "../../rpc/admission/credentials.js";
import type { Connection } from "./connections.js";
import { FairQueue } from "./fair-queue.js";
import { firstValue, type ReceivedHeaders } from "./first-value.js";

export interface ArrivingCall extends ReceivedHeaders {
  /** Whether the call was reset or its connection closed, so that nobody waits for the answer. */
  gone(): boolean;
  serve(authenticated: boolean): void;
  /** Ends the call without serving it, in such a way that the client may send the call again. */
  refuse(): void;
  whenClosed(callback: () => void): void;
}

export interface ArrivalsOptions {
  /** Whether `token` is a valid token. */
  readonly knows: (token: string) => boolean;
  /** Called when the first call with a valid token arrives on a connection. */
  readonly onAuthenticated: (connection: Connection) => void;
  /**
   * Most calls without a valid token that may be open on all connections together. When so many are open, each
   * connection may still have one such call.
   */
  readonly anonymousCalls: number;
}

/**
 * How many calls without a valid token are served in one turn of the event loop. To refuse such a call takes at most a
 * millisecond.
 */
const anonymousPerTurn = 4;

export class Arrivals {
  /** The queue of the work for calls without a valid token. */
  readonly anonymousWork = new FairQueue<unknown>(anonymousPerTurn);
  readonly #options: ArrivalsOptions;
  #arrived: [Connection, ArrivingCall][] = [];
  #anonymousCalls = 0;

  constructor(options: ArrivalsOptions) {
    this.#options = options;
  }

  add(connection: Connection, call: ArrivingCall): void {
    if (this.#arrived.push([connection, call]) === 1) setImmediate(() => this.#flush());
  }

  isAuthenticated(received: ReceivedHeaders): boolean {
    const given = tokenFrom(firstValue(received, "token"), firstValue(received, "authorization"));
    return given !== undefined && this.#options.knows(given);
  }

  #flush(): void {
    const arrived = this.#arrived;
    this.#arrived = [];
    for (const [connection, call] of arrived) {
      if (call.gone()) continue;
      if (!this.isAuthenticated(call)) {
        this.#queue(connection, call);
        continue;
      }
      if (!connection.authenticated) this.#options.onAuthenticated(connection);
      call.serve(true);
    }
  }

  #queue(connection: Connection, call: ArrivingCall): void {
    if (this.#anonymousCalls >= this.#options.anonymousCalls && connection.calls > 1) {
      call.refuse();
      return;
    }
    this.#anonymousCalls++;
    call.whenClosed(() => {
      this.#anonymousCalls--;
    });
    this.anonymousWork.add(connection, () => {
      if (call.gone()) return false;
      call.serve(false);
      return true;
    });
  }
}
