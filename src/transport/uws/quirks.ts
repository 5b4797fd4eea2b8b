/**
 * What this build of uWebSockets does that its users do not expect, and what Eventwire does about it. Each comment in
 * this file describes one such behaviour. "Upstream" names the cause in the library. "Seen" says how we reproduced the
 * behaviour. "Ours" says what our code does. "Delete" says when our code becomes needless.
 *
 * "The test" is `test/transport/quirks.test.ts`. It uses the library alone, and fails when a new version of the library
 * makes our code needless.
 */

import type { WriteBatch } from "../../delivery/write-batch.js";
import type { UwsSocket } from "./socket.js";
import type { HttpResponse, WebSocket } from "./uws.js";

/**
 * **A write within `drain` may stall the socket for ever.** Upstream: within `drain`, the kernel takes a part of a
 * frame of 16 KiB or more. The library then asks for the next writable event, and the event loop cancels that when the
 * handler returns (oven-sh/bun#38177 describes the same line). Seen: frames of 17 KB stalled when they were sent within
 * `drain` or from a microtask of it. Frames of 15 KB did not. Ours: `Hub.drained` only notes the socket, and delivery
 * writes in `setImmediate`. `test/transport/uws-backpressure.test.ts` holds this. Delete when `us_socket_write2` sets
 * `last_write_failed`; nothing else would get simpler.
 */

/**
 * **A broadcast tells nobody which sockets took it.** Upstream: `publish` puts the message into a queue. The library
 * writes the queue later, and calls `dropped` once for a whole batch. Seen in the test, and in a run with 238 calls of
 * `dropped` for thousands of messages. Ours: delivery asks each socket for its buffered bytes before the socket gets
 * anything else, and a broadcast is small (`write-plan.ts`). Delete when `publish` answers for each socket.
 */

/**
 * **The close handler runs within `end` and `close`.** Seen in the test. Ours: the interface `FanOut` allows it.
 * Delete: never.
 */

/**
 * **The library copies what the kernel takes only in part.** Upstream: the library keeps no reference to a frame. Seen:
 * 131 kB for each reader that stopped reading frames of 256 KiB. Ours: large frames go in fragments above a limit
 * (`fragments.ts`). Delete when a send can keep a reference.
 */

/**
 * **An exception in a handler ends the process (SIGABRT) when `onAborted` is not attached yet.** A handler that returns
 * without an answer and without `onAborted` also ends the process. Ours: `Exchange` attaches `onAborted` in its first
 * line. Delete: never.
 */

/**
 * **A handler of `onWritable` that registers itself again is not reliable** (uNetworking/uWebSockets.js#961). Ours:
 * each answer registers one handler (`answer-pieces.ts`). Delete when the build is of 2026-05 or later.
 */

/**
 * **The library accepts two different `Content-Length` or `Host` headers**, and uses the first. Ours: `request.ts`
 * marks such a request, and it is refused. `exchange.ts` answers it in a later turn, because the library would else
 * serve the rest of the segment. Delete when the library refuses such requests.
 */

/**
 * **Two processes can listen on the same port.** Upstream: SO_REUSEPORT is the default. Ours: `uws.ts` asks for an
 * exclusive port. Delete: never.
 */

/**
 * **An app keeps the certificate with which it was made.** Ours: each certificate gets a new app (`apps.ts`). Delete
 * when an app can change its certificate.
 */

/**
 * **A request head may have at most 4 KiB.** Upstream: the library reads another limit from the environment when it is
 * loaded. Ours: `head-limit.ts` sets that limit. Delete when the limit is an option.
 */

/**
 * **A cork holds 16 KiB, and the queue of a topic holds 32 messages or 16 KiB.** Upstream: the library writes the rest
 * at once, in a further write. Seen in the library's source. Ours: no batch of several frames exceeds these limits, so
 * that one batch is one call of the kernel. Delete when the library has no buffer of a fixed size.
 */
export const corkBytesMax = 16_000;
export const corkFramesMax = 32;

/**
 * **Within a cork every `send` answers 1, and the buffered bytes are 0.** Upstream: the library writes nothing before
 * the cork ends. Seen in the test. Ours: after the cork has ended, we ask the socket how many bytes it holds. Delete
 * when `cork` returns this number.
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
 * **`drain` comes late.** Upstream: a kernel reports that it takes bytes only when a third of its buffer is free. That
 * is megabytes, and a slow reader takes minutes to read them. Seen with readers of 50 events of 400 bytes a second
 * (`test/e2e/slow-readers.test.ts`). Ours: an empty cork makes the library write the bytes that wait. Delete when the
 * library sets TCP_NOTSENT_LOWAT.
 */
export function offerAgain(socket: UwsSocket): void {
  socket.cork(nothing);
}

function nothing(): void {}

/**
 * **A socket ends 12 to 16 s after its close frame, however much its peer still has to read.** Upstream: `end` starts a
 * time-out for the shutdown. And when the peer sends something after that, such as a ping, the kernel throws away the
 * bytes that the peer has not read. Seen with readers of 50 to 200 events a second (`test/e2e/slow-readers.test.ts`).
 * Ours: a close frame is sent only when the peer has at most this many KiB to read, which a reader can read in that
 * time. Delete when the time-out is an option.
 */
export const unreadMaxAtEnd = 64;

/**
 * **The bytes of an unfinished message restart the idle time-out, and automatic pings cut slow readers.** Upstream: the
 * pong of a slow reader comes only after it has read all that the kernel holds. Seen: one byte every 20 s kept a socket
 * open (`test/e2e/dead-peers.test.ts`). Ours: the longest time-out that the library allows, in seconds, no automatic
 * pings, and a heartbeat in delivery. Delete when the library counts only whole messages.
 */
export const idleTimeoutMax = 960;

/**
 * **A message above `maxPayloadLength` cuts the socket without a close frame.** Seen in
 * `test/transport/public-upgrade.test.ts`. Ours: this limit, in bytes, is above the largest message that a client may
 * send, so that we can close with 1009 ourselves. It is not far above, since the library keeps the bytes of an
 * unfinished message. Delete when the library sends 1009.
 */
export const payloadMaxBytes = 64 * 1024;

/**
 * **An upgrade that had to wait may close its socket** (uNetworking/uWebSockets#1928, mended by #1929 of 2026-07).
 * Upstream: when a connection is upgraded within its own HTTP cork, the library reads a state that no longer exists at
 * the end of that cork. Seen: 4 of 75 sockets under load. Outside of every cork the library prints a warning on stderr.
 * Ours: the upgrade runs within the cork of another, open WebSocket. Delete when the build has #1929.
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
   * Runs an upgrade within the cork of an open WebSocket. When none is open, the library prints its warning. In the
   * turn of the request itself, both corks do nothing.
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
