/**
 * Keeps the WebSockets that are opened only to tell why their handshake is refused, because a browser cannot see the
 * status of a refused handshake. Such a socket joins no stream.
 */

import type { Close } from "../../domain/closes.js";
import type { UwsSocket } from "./socket.js";

export interface ToldRefusal {
  /** The bytes of the `refused` frame. */
  readonly frame: Uint8Array;
  readonly close: Close;
}

type RefusedSocket = Pick<UwsSocket, "send" | "ping" | "cork" | "end">;

interface Telling {
  readonly close: Close;
  readonly timer: NodeJS.Timeout;
}

export interface RefusedSocketsOptions {
  /** Most refused sockets that may be open at a time. */
  readonly max: number;
  /** How long the close frame waits for the answer to a ping, in milliseconds. The ping follows the `refused` frame. */
  readonly confirmMs: number;
  /**
   * How long the connection of a peer that answers nothing may last after its close frame, in milliseconds; see
   * `unreadMaxAtEnd`.
   */
  readonly lingerMs: number;
}

const defaults: RefusedSocketsOptions = { max: 256, confirmMs: 1_000, lingerMs: 16_000 };

/**
 * uWebSockets does not say when the connection of an ended socket is gone. So a ping follows the `refused` frame. The
 * socket of a peer that answers the ping counts until its close frame is sent, because such a peer ends the connection.
 * The socket of a silent peer counts until uWebSockets must have cut the connection.
 */
export class RefusedSockets {
  readonly #options: RefusedSocketsOptions;
  readonly #telling = new Map<RefusedSocket, Telling>();
  #open = 0;

  constructor(options: Partial<RefusedSocketsOptions> = {}) {
    this.#options = { ...defaults, ...options };
  }

  /** True while no further refused socket may be opened. */
  get full(): boolean {
    return this.#open >= this.#options.max;
  }

  /** Call it when the socket opens. */
  opened(socket: RefusedSocket, { frame, close }: ToldRefusal): void {
    this.#open++;
    const timer = setTimeout(() => this.#endSilent(socket), this.#options.confirmMs).unref();
    this.#telling.set(socket, { close, timer });
    // While uWebSockets calls the open handler, another socket may be corked.
    setImmediate(() => {
      if (!this.#telling.has(socket)) return;
      socket.cork(() => {
        socket.send(frame, false);
        socket.ping("");
      });
    });
  }

  /** Call it when the peer answers the ping. */
  confirmed(socket: RefusedSocket): void {
    this.#end(socket);
  }

  /** Call it when the socket is gone, also within its end. */
  closed(socket: RefusedSocket): void {
    this.#forget(socket);
  }

  #endSilent(socket: RefusedSocket): void {
    this.#open++;
    setTimeout(() => this.#open--, this.#options.lingerMs).unref();
    this.#end(socket);
  }

  #end(socket: RefusedSocket): void {
    const telling = this.#forget(socket);
    if (telling !== undefined) socket.end(telling.close.code, telling.close.reason);
  }

  #forget(socket: RefusedSocket): Telling | undefined {
    const telling = this.#telling.get(socket);
    if (telling === undefined) return undefined;
    clearTimeout(telling.timer);
    this.#telling.delete(socket);
    this.#open--;
    return telling;
  }
}
