/**
 * Upgrades an HTTP connection outside of its own cork. Where the upgrade had to wait, uWebSockets still takes the socket
 * for an HTTP connection when it ends that cork: it reads a state that is no more, and at times (4 of 75 sockets under load)
 * closes it. Outside of every cork it prints a warning on stderr, so the upgrade borrows the cork of an open WebSocket.
 */

import type { HttpResponse, WebSocket } from "./uws.js";

/** Some, so that one is left when others close. */
const lendersMax = 16;

export class BorrowedCork<T> {
  readonly #lenders = new Set<WebSocket<T>>();

  opened(socket: WebSocket<T>): void {
    if (this.#lenders.size < lendersMax) this.#lenders.add(socket);
  }

  closed(socket: WebSocket<T>): void {
    this.#lenders.delete(socket);
  }

  /** Without an open WebSocket the warning is printed. Within the turn of the request both corks do nothing. */
  run(res: HttpResponse, upgrade: () => void): void {
    const [lender] = this.#lenders;
    if (lender === undefined) upgrade();
    else lender.cork(() => res.cork(upgrade));
  }
}
