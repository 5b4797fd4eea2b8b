/** One open socket: writes what it can take, parks what it cannot, and says when it has become too slow. */

import type { Principal } from "../domain/instance.js";
import { Backlog } from "./backlog.js";
import type { Chunk } from "./chunk.js";
import type { Close } from "./close.js";
import type { Frame } from "./frame.js";
import type { Socket } from "./socket.js";

/** Few fields and no closures: there may be hundreds of thousands of them. */
export class Subscriber {
  readonly principal: Principal;
  /** Its group's key. */
  readonly instanceId: string;
  /** Its place in the group's list; -1 once it is out of it. */
  index = -1;
  /** False once the socket is gone; nothing may touch it then. */
  open = true;
  readonly #socket: Socket;
  /** Set once its group broadcasts. */
  #topic: string | undefined;
  /** Present while the socket is blocked. */
  #backlog: Backlog | undefined;

  constructor(socket: Socket, instanceId: string, principal: Principal) {
    this.#socket = socket;
    this.instanceId = instanceId;
    this.principal = principal;
  }

  get blocked(): boolean {
    return this.#backlog !== undefined;
  }

  /** Takes part in the broadcasts of its group, unless it is blocked; then as soon as it is not any more. */
  join(topic: string): void {
    this.#topic = topic;
    if (this.#backlog === undefined) this.#socket.subscribe(topic);
  }

  /** Looks whether the kernel took the last broadcast; if not, the socket is blocked from here on. */
  check(broadcast: Chunk): void {
    if (this.#backlog === undefined && this.#socket.getBufferedAmount() > 0) this.#block(broadcast);
  }

  /** Hands over a chunk, or parks it. False: the socket is too slow and must go; nothing more was taken. */
  deliver(chunk: Chunk, bytesMax: number): boolean {
    if (this.#backlog !== undefined) return this.#park(this.#backlog, chunk, bytesMax);
    if (!this.#write(chunk)) this.#block(chunk);
    return true;
  }

  /** Parks a chunk that is broadcast to those that are not blocked. False as in `deliver`. */
  park(chunk: Chunk, bytesMax: number): boolean {
    return this.#backlog === undefined || this.#park(this.#backlog, chunk, bytesMax);
  }

  /**
   * Writes what is parked until the kernel refuses again. Never to be called inside uWebSockets' drain handler: a frame
   * of 16 KiB or more that is only partly written there disarms the writable poll for ever.
   */
  resume(): void {
    while (this.#backlog !== undefined && this.#socket.getBufferedAmount() === 0) {
      const chunk = this.#backlog.next();
      if (chunk.length === 0) this.#unblock();
      else if (!this.#write(chunk)) return;
    }
  }

  /** Says why and ends. What is parked is dropped: the close covers it. */
  end(close: Close): void {
    this.#backlog = undefined;
    this.#socket.end(close.code, close.reason);
  }

  /** Ends without a word. */
  cut(): void {
    this.#backlog = undefined;
    this.#socket.close();
  }

  /** Drops what is parked, at the begin of a close that must wait for the socket to drain. */
  drop(): void {
    if (this.#backlog !== undefined) this.#backlog = new Backlog([]);
  }

  #block(inside: Chunk): void {
    this.#backlog = new Backlog(inside);
    if (this.#topic !== undefined) this.#socket.unsubscribe(this.#topic);
  }

  #unblock(): void {
    this.#backlog = undefined;
    if (this.#topic !== undefined) this.#socket.subscribe(this.#topic);
  }

  #park(backlog: Backlog, chunk: Chunk, bytesMax: number): boolean {
    const buffered = this.#socket.getBufferedAmount();
    for (const frame of chunk) if (!backlog.park(frame, buffered, bytesMax)) return false;
    return true;
  }

  /** False: some of it waits in uWebSockets, and `drain` will come. */
  #write(chunk: Chunk): boolean {
    if (chunk.length === 1) return this.#socket.send(chunk[0] as Frame, false) !== 0;
    corked.socket = this.#socket;
    corked.chunk = chunk;
    this.#socket.cork(writeCorked);
    // Inside a cork every send answers 1; only now is it known what the kernel took.
    return this.#socket.getBufferedAmount() === 0;
  }
}

/** The arguments of `writeCorked`, which is shared so that no write makes a closure. */
const corked: { socket: Socket | undefined; chunk: Chunk } = { socket: undefined, chunk: [] };

function writeCorked(): void {
  const { socket, chunk } = corked;
  for (const frame of chunk) socket?.send(frame, false);
}
