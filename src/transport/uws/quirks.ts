/**
 * What this build of uWebSockets does that its users do not expect, and what we do about it: here where a line suffices, else
 * in the file that is named. "Seen" says how it was reproduced. "The test" is `test/transport/quirks.test.ts`: it has the library
 * alone, and fails when an upgrade makes our part needless.
 *
 * Without a line of code here:
 *
 * - **A write within `drain` may stall the socket for ever.** Upstream: a frame of 16 KiB or more that the kernel takes in part
 *   there arms the writable poll, and the loop disarms it when the handler returns (oven-sh/bun#38177 describes the same
 *   line). Seen: frames of 17 KB sent within `drain`, also from a microtask; those of 15 KB pass. Ours: delivery writes in
 *   `setImmediate`, and `Hub.drained` only notes. Held by `test/transport/uws-backpressure.test.ts`. Delete when
 *   `us_socket_write2` sets `last_write_failed`; nothing else would get simpler.
 * - **A broadcast tells nobody what was taken.** Upstream: `publish` queues; the queue is written later, and `dropped` is called
 *   once for a whole batch. Seen in the test, and 238 calls for thousands of messages. Ours: each socket is asked for its buffered bytes before
 *   it gets anything else, and a broadcast is small (`write-plan.ts`). Delete when `publish` answers for each socket.
 * - **The close handler runs within `end` and `close`.** Seen in the test. Ours: `FanOut` allows it. Delete: never.
 * - **What is taken in part is copied.** Upstream keeps no reference to what it was given. Seen: 131 kB for each frozen reader of
 *   frames of 256 KiB. Ours: fragments beyond a limit (`fragments.ts`). Delete when a send can keep a reference.
 * - **A handler that throws before `onAborted` is attached ends the process**, as does one that returns without an answer
 *   (SIGABRT). Ours: the first line of `Exchange`. Delete: never.
 * - **A handler of `onWritable` that registers itself anew is not reliable** (uNetworking/uWebSockets.js#961). Ours: one
 *   registration an answer (`answer-pieces.ts`). Delete when the build is of 2026-05 or later.
 * - **Two different `Content-Length` or `Host` headers are accepted**, and the first counts. Ours: `request.ts` refuses them, and
 *   `exchange.ts` answers in a later turn, since the rest of the segment would be served too. Delete when the library refuses.
 * - **A port that is taken can be listened on**: SO_REUSEPORT is the default. Ours: `uws.ts`. Delete: never.
 * - **An app keeps the certificate that it was made with.** Ours: one app for each (`apps.ts`). Delete when it can be set.
 * - **A head of a request may have 4 KiB**, unless the environment says otherwise when the library is loaded. Ours:
 *   `head-limit.ts`. Delete when it is an option.
 */

import type { WriteBatch } from "../../delivery/write-batch.js";
import type { UwsSocket } from "./socket.js";
import type { HttpResponse, WebSocket } from "./uws.js";

/**
 * **A cork holds 16 KiB, and a topic's queue holds 32 messages or 16 KiB.** Upstream: the rest is written at once, in a
 * write of its own. Seen in the library's source. Ours: no write has more than this, so one write is one call of the
 * kernel. Delete when the library has no buffer of a fixed size.
 */
export const corkBytesMax = 16_000;
export const corkFramesMax = 32;

/**
 * **Within a cork every `send` answers 1**, and the buffered bytes are 0. Upstream: nothing is written before the cork
 * ends. Seen in the test. Ours: after the cork has ended, ask the socket how many bytes it holds. Delete when a cork
 * returns this itself.
 */
export function writeCorked(socket: UwsSocket, batch: WriteBatch): number {
  corked.socket = socket;
  corked.batch = batch;
  socket.cork(sendAll);
  return socket.getBufferedAmount();
}

/** The arguments of `sendAll`. All writes share that function, so that no write needs a closure of its own. */
const corked: { socket: UwsSocket | undefined; batch: WriteBatch } = { socket: undefined, batch: [] };

function sendAll(): void {
  const { socket, batch } = corked;
  for (const frame of batch) socket?.send(frame, false);
}

/**
 * **`drain` comes late.** The poll says that a kernel takes bytes only when a third of its buffer is free, which is megabytes, and
 * a slow reader takes minutes for them. Seen with readers of 50 events of 400 bytes a second (`test/e2e/slow-readers.test.ts`). Ours:
 * an empty cork writes what is buffered. Delete when the library sets TCP_NOTSENT_LOWAT.
 */
export function offerAgain(socket: UwsSocket): void {
  socket.cork(nothing);
}

function nothing(): void {}

/**
 * **A socket ends 12 to 16 s after its close frame**, whatever its peer has still to read, and without a word. Upstream: `end` sets
 * the time-out of a shutdown, and a peer that sends something later (a ping of its own) makes the kernel throw away what it has not
 * read. Seen with readers of 50 to 200 events a second (`test/e2e/slow-readers.test.ts`). Ours: no more than this many KiB may be
 * unread when it is sent, which a reader reads in that time. Delete when the time-out is an option.
 */
export const unreadMaxAtEnd = 64;

/**
 * **The idle time-out is fed by the bytes of an unfinished message, and automatic pings cut slow readers**, whose
 * pongs stand after all that the kernel holds. Seen: a byte every 20 s kept a socket (`test/e2e/dead-peers.test.ts`). Ours: the longest time-out there is, in seconds, no automatic pings, and a heartbeat in delivery.
 * Delete when only whole messages count.
 */
export const idleTimeoutMax = 960;

/**
 * **A message over `maxPayloadLength` cuts the socket without a close frame.** Seen in `test/transport/public-upgrade.test.ts`. Ours: a limit higher than the one that the client is
 * told of (1009), in bytes; not much, since what has come of an unfinished message is kept. Delete when 1009 is sent.
 */
export const payloadMaxBytes = 64 * 1024;

/**
 * **An upgrade that had to wait may close its socket** (uNetworking/uWebSockets#1928, mended by #1929 of 2026-07). Upstream: at the
 * end of the cork of an HTTP connection that was upgraded within it, the library reads a state that is no more. Seen: 4 of 75
 * sockets under load. Outside of every cork it prints a warning on stderr. Ours: the upgrade borrows the cork of an open WebSocket.
 * Delete when the build has #1929.
 */
export class UpgradeCork<T> {
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

/** Some, so that one is left when others close. */
const lendersMax = 16;
