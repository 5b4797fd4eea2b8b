/**
 * What this build of uWebSockets does that its users do not expect, and how Eventwire works around it. Each comment in
 * this file describes one such behaviour, its cause, how we reproduced it, our workaround, and when the workaround
 * becomes needless.
 *
 * `test/transport/quirks.test.ts` reproduces some of them with uWebSockets alone. The test fails when a new version of
 * uWebSockets makes a workaround needless.
 */

import type { WriteBatch } from "../../delivery/write-batch.js";
import type { UwsSocket } from "./socket.js";
import type { HttpResponse, WebSocket } from "./uws.js";

/**
 * **A write within `drain` may stall the socket for ever.** Cause in uWebSockets: within `drain`, the kernel takes a
 * part of a frame of 16 KiB or more. uWebSockets then asks for the next writable event, and the event loop cancels that
 * event when the handler returns (oven-sh/bun#38177 describes the same line). Reproduced: frames of 17 KB stalled when
 * they were sent within `drain` or from a microtask of it. Frames of 15 KB did not. Our workaround: `Hub.drained` only
 * notes the socket, and delivery writes in `setImmediate`. `test/transport/uws-backpressure.test.ts` holds this. Delete
 * the workaround when `us_socket_write2` sets `last_write_failed`; nothing else would get simpler.
 */

/**
 * **A broadcast does not say which sockets took it.** Cause in uWebSockets: `publish` puts the message into a queue,
 * and uWebSockets writes the queue to the sockets later. uWebSockets calls the handler `dropped` for messages that a
 * socket loses, but only once for a whole batch. Reproduced in `quirks.test.ts`, and in a run with 238 calls of
 * `dropped` for thousands of messages. Our workaround: delivery asks how many bytes a socket still holds before the
 * socket gets anything else. Any such byte shows that the socket is blocked. Until then a socket may hold the whole
 * broadcast, so `write-plan.ts` limits a broadcast to 64 frames and 64 kB. Delete the workaround when `publish` answers
 * for each socket.
 */

/**
 * **The close handler runs within `end` and `close`.** Reproduced in `quirks.test.ts`. Our workaround: the interface
 * `FanOut` allows it. The workaround must stay.
 */

/**
 * **uWebSockets copies what the kernel takes only in part.** Cause in uWebSockets: it keeps no reference to a frame.
 * Reproduced: 131 kB for each reader that stopped reading frames of 256 KiB. Our workaround: large frames go in
 * fragments above a limit (`fragments.ts`). Delete the workaround when a send can keep a reference.
 */

/**
 * **An exception in a handler ends the process (SIGABRT) when `onAborted` is not attached yet.** A handler that returns
 * without an answer and without `onAborted` also ends the process. Our workaround: `Exchange` attaches `onAborted` in
 * its first line. The workaround must stay.
 */

/**
 * **A handler of `onWritable` that registers itself again is not reliable** (uNetworking/uWebSockets.js#961). Our
 * workaround: each answer registers one handler (`answer-pieces.ts`). Delete the workaround when the build is of
 * 2026-05 or later.
 */

/**
 * **uWebSockets accepts two different `Content-Length` or `Host` headers**, and uses the first. Our workaround:
 * `request.ts` marks such a request, and it is refused. `exchange.ts` answers it in a later turn of the event loop,
 * because uWebSockets would else serve the rest of the segment. Delete the workaround when uWebSockets refuses such
 * requests.
 */

/**
 * **Two processes can listen on the same port.** Cause in uWebSockets: SO_REUSEPORT is the default. Our workaround:
 * `uws.ts` asks for an exclusive port. The workaround must stay.
 */

/**
 * **An app keeps the certificate with which it was made.** Our workaround: each certificate gets a new app (`apps.ts`).
 * Delete the workaround when an app can change its certificate.
 */

/**
 * **A request head may have at most 4 KiB.** Cause: uWebSockets reads another limit only from the environment, when it
 * is loaded. Our workaround: `head-limit.ts` sets that limit. Delete the workaround when the limit is an option.
 */

/**
 * **A cork holds 16 KiB, and the queue of a topic holds 32 messages or 16 KiB.** Cause in uWebSockets: the rest is
 * written at once, in a further write. Found in the source of uWebSockets. Our workaround: no batch of several frames
 * exceeds these limits, so that one batch is one call of the kernel. Delete the workaround when uWebSockets has no
 * buffer of a fixed size.
 */
export const corkBytesMax = 16_000;
export const corkFramesMax = 32;

/**
 * **Within a cork every `send` answers 1, and the buffered bytes are 0.** Cause in uWebSockets: nothing is written
 * before the cork ends. Reproduced in `quirks.test.ts`. Our workaround: after the cork has ended, we ask the socket how
 * many bytes it holds. Delete the workaround when `cork` returns this number.
 */
export function writeCorked(socket: UwsSocket, batch: WriteBatch): number {
  corked.socket = socket;
  corked.batch = batch;
  socket.cork(sendAll);
  return socket.getBufferedAmount();
}

/**
 * The arguments of `sendAll`. All writes share this object and the function, so that no write needs a closure of its
 * own.
 */
const corked: { socket: UwsSocket | undefined; batch: WriteBatch } = { socket: undefined, batch: [] };

function sendAll(): void {
  const { socket, batch } = corked;
  for (const frame of batch) socket?.send(frame, false);
}

/**
 * **`drain` comes late.** Cause in uWebSockets: a kernel reports that it takes bytes only when a third of its buffer is
 * free. That is megabytes, and a slow reader takes minutes to read them. Reproduced with readers of 50 events of 400
 * bytes a second (`test/e2e/slow-readers.test.ts`). Our workaround: an empty cork makes uWebSockets write the bytes
 * that wait. Delete the workaround when uWebSockets sets TCP_NOTSENT_LOWAT.
 */
export function offerAgain(socket: UwsSocket): void {
  socket.cork(nothing);
}

function nothing(): void {}

/**
 * **A socket ends 12 to 16 s after its close frame, however much its peer still has to read.** Cause in uWebSockets:
 * `end` starts a time-out for the shutdown. And when the peer sends something after that, such as a ping, the kernel
 * throws away the bytes that the peer has not read. Reproduced with readers of 50 to 200 events a second
 * (`test/e2e/slow-readers.test.ts`). Our workaround: a close frame is sent only when the peer has at most this many KiB
 * to read, which a reader can read in 12 s. Delete the workaround when the time-out is an option.
 */
export const unreadMaxAtEnd = 64;

/**
 * **The bytes of an unfinished message restart the idle time-out, and automatic pings cut slow readers.** Cause in
 * uWebSockets: the pong of a slow reader comes only after it has read all that the kernel holds. Reproduced: one byte
 * every 20 s kept a socket open (`test/e2e/dead-peers.test.ts`). Our workaround: the longest time-out that uWebSockets
 * allows, in seconds, no automatic pings, and a heartbeat in delivery. Delete the workaround when uWebSockets counts
 * only whole messages.
 */
export const idleTimeoutMax = 960;

/**
 * **A message above `maxPayloadLength` cuts the socket without a close frame.** Reproduced in
 * `test/transport/public-upgrade.test.ts`. Our workaround: this limit, in bytes, is above the largest message that a
 * client may send, so that we can close with 1009 ourselves. It is not far above, since uWebSockets keeps the bytes of
 * an unfinished message. Delete the workaround when uWebSockets sends 1009.
 */
export const payloadMaxBytes = 64 * 1024;

/**
 * **An upgrade that had to wait may close its socket** (uNetworking/uWebSockets#1928, mended by #1929 of 2026-07).
 * Cause in uWebSockets: when a connection is upgraded within its own HTTP cork, uWebSockets reads a state that no
 * longer exists at the end of that cork. Reproduced: 4 of 75 sockets under load. Outside of every cork uWebSockets
 * prints a warning on stderr. Our workaround: the upgrade runs within the cork of another, open WebSocket. Delete the
 * workaround when the build has #1929.
 */
export class UpgradeCork<T> {
  readonly #lenders = new Set<WebSocket<T>>();

  opened(socket: WebSocket<T>): void {
    if (this.#lenders.size < lendersMax) this.#lenders.add(socket);
  }

  closed(socket: WebSocket<T>): void {
    this.#lenders.delete(socket);
  }

  /**
   * Runs an upgrade within the cork of an open WebSocket. When none is open, uWebSockets prints its warning. In the
   * turn of the event loop that read the request, both corks do nothing.
   */
  run(res: HttpResponse, upgrade: () => void): void {
    const [lender] = this.#lenders;
    if (lender === undefined) upgrade();
    else lender.cork(() => res.cork(upgrade));
  }
}

/**
 * How many open WebSockets are remembered for their corks. There are several, so that one is left when others close.
 */
const lendersMax = 16;

/**
 * **A response is cut 12 s after the kernel refused some of its bytes, and the library does not write the bytes that it
 * holds.** Cause in uWebSockets: a refused write starts a time-out, which only the writable event ends, and the library
 * leaves it to the handler of that event to write. Reproduced in the test. Our workaround: this function is called every
 * 4 s while a response is blocked. To pause and resume the request starts the time-out anew, and an empty cork makes the
 * library write the bytes that it holds. Delete the workaround when the time-out is an option.
 */
export function keepBlocked(res: HttpResponse): void {
  res.pause();
  res.resume();
  offerHeld(res);
}

/** Makes uWebSockets write the bytes of a response that it holds. */
export function offerHeld(res: HttpResponse): void {
  res.cork(nothing);
}

/**
 * **The end of a response that is written in pieces cannot close the connection.** Cause in uWebSockets: with the argument
 * `closeConnection`, `end` writes the header `Connection: close` at once, which is then in the midst of the body.
 * Reproduced in the test. Our workaround: such a response ends without the argument, and its connection stays open until
 * the client or the port closes the connection. Delete the workaround when `end` writes no header after a body has begun.
 */
export function endPieces(res: HttpResponse): void {
  res.end();
}
