/**
 * Decides when a call of the service port is served. It is not served in the turn that reads it, so that a reset in the
 * same read is seen first. Of calls without a valid token only a few are served in each turn of the event loop, and the
 * connections take turns.
 */

import { tokenFrom } from "../../rpc/admission/credentials.js";
import type { Connection } from "./connections.js";
import { FairQueue } from "./fair-queue.js";
import { firstValue, type ReceivedHeaders } from "./first-value.js";

export interface ArrivingCall extends ReceivedHeaders {
  /** Whether nobody waits for an answer any more. */
  gone(): boolean;
  serve(authenticated: boolean): void;
  /** Ends the call unserved, in a way that tells the client to send it again. */
  refuse(): void;
  whenClosed(callback: () => void): void;
}

export interface ArrivalsOptions {
  /** Whether this is a valid token. */
  readonly knows: (token: string) => boolean;
  /** Told of the first call of a connection with a valid token. */
  readonly onAuthenticated: (connection: Connection) => void;
  /** Most open calls without a valid token, on all connections. Above it each connection may have one. */
  readonly anonymousCalls: number;
}

/** Calls without a valid token that are served in one turn. A refusal takes at most a millisecond. */
const anonymousPerTurn = 4;

export class Arrivals {
  /** Work for calls without a valid token. */
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
