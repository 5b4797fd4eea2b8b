/** One open socket: writes what it can take, parks what it cannot, and says when it has become too slow. */

import type { Principal } from "../domain/instance.js";
import { Backlog } from "./backlog.js";
import type { Chunk } from "./chunk.js";
import type { Close } from "./close.js";
import { allTaken, fragmentBytes, sendFragments } from "./fragments.js";
import type { Frame } from "./frame.js";
import type { FrameLog } from "./frame-log.js";
import type { Socket } from "./socket.js";
import type { Waiting } from "./waiting.js";

/** Few fields and no closures: there may be hundreds of thousands of them. */
export class Subscriber {
  readonly principal: Principal;
  /** Its group's key. */
  readonly instanceId: string;
  /** Its place in the group's list; -1 once it is out of it. */
  index = -1;
  /** Its place in the heartbeat's list; -1 once it is out of it. */
  beat = -1;
  /** Visits of the heartbeat since the last sign of life. */
  silence = 0;
  readonly #socket: Socket;
  /** Shared by all. */
  readonly #waiting: Waiting;
  /** Its group's. */
  readonly #log: FrameLog;
  /** Frames that its group had been given before it came, and when that was. */
  readonly #joinedAt: number;
  readonly #openedAt = now();
  /** In KiB of what its group was given: up to where a ping was answered, and where one stands that is not. */
  #confirmed: number;
  #asked: number | undefined;
  #open = true;
  /** Set once its group broadcasts. */
  #topic: string | undefined;
  /** Present while the socket is blocked. */
  #backlog: Backlog | undefined;

  /** `ahead`: frames that its group will be given but were accepted before it came. */
  constructor(
    socket: Socket,
    waiting: Waiting,
    log: FrameLog,
    instanceId: string,
    principal: Principal,
    ahead: number,
  ) {
    this.#socket = socket;
    this.#waiting = waiting;
    this.#log = log;
    this.#joinedAt = log.end + ahead;
    this.#confirmed = log.kibibytes;
    this.instanceId = instanceId;
    this.principal = principal;
  }

  /** False once the socket is gone; nothing may touch it then. */
  get open(): boolean {
    return this.#open;
  }

  get blocked(): boolean {
    return this.#backlog !== undefined;
  }

  /** KiB that its group was given so far, itself or not. */
  get position(): number {
    return this.#log.kibibytes;
  }

  /** Of these, what its peer is known to have read: a ping behind it was answered. */
  get confirmed(): number {
    return this.#confirmed;
  }

  /** Asks the peer for a sign of life, behind everything that was handed over. Nothing when it was asked already. */
  ping(): void {
    if (this.#asked !== undefined) return;
    this.#asked = this.#log.kibibytes;
    this.#socket.ping(pingPayload);
  }

  answered(): void {
    this.#confirmed = this.#asked ?? this.#confirmed;
    this.#asked = undefined;
  }

  /**
   * Offers the kernel once more what it refused. Answers how many bytes it has still not taken; undefined when it took
   * nothing.
   */
  nudge(): number | undefined {
    const before = this.#socket.getBufferedAmount();
    this.#socket.cork(nothing);
    const left = this.#socket.getBufferedAmount();
    return left === 0 || left < before ? left : undefined;
  }

  /** Bytes that uWebSockets holds beside frames: pongs. */
  get unasked(): number {
    return this.#socket.getBufferedAmount() - (this.#backlog?.copied ?? 0);
  }

  /** What waits for it: frames that others wait for too included. */
  get waitingBytes(): number {
    const buffered = this.#socket.getBufferedAmount();
    return this.#backlog?.bytes(buffered) ?? buffered;
  }

  /** What is told of it when it is closed, as long as nothing is dropped. */
  describe() {
    const buffered = this.#socket.getBufferedAmount();
    const waitingFrames = this.#backlog?.frames(buffered) ?? 0;
    return {
      openSeconds: now() - this.#openedAt,
      framesDelivered: Math.max(0, this.#log.end - this.#joinedAt - waitingFrames),
      waitingFrames,
      waitingBytes: this.waitingBytes,
    };
  }

  /** Takes part in the broadcasts of its group, unless it is blocked; then as soon as it is not any more. */
  join(topic: string): void {
    this.#topic = topic;
    if (this.#backlog === undefined) this.#socket.subscribe(topic);
  }

  /** Looks whether the kernel took the last broadcast; if not, the socket is blocked from here on. */
  check(broadcast: Chunk): void {
    if (this.#backlog === undefined && this.#socket.getBufferedAmount() > 0) this.#hold(broadcast, this.#log.end);
  }

  /**
   * Hands over chunks that were just appended to the log, the first of them at `place`, or leaves them there from the one on
   * that the kernel refuses. False: too much waits, the socket must go.
   */
  deliver(chunks: readonly Chunk[], place: number, bytesMax: number): boolean {
    let behind = place;
    for (const chunk of chunks) {
      if (this.#backlog !== undefined) return this.park(bytesMax);
      behind += chunk.length;
      this.#write(chunk, 0, behind);
    }
    return true;
  }

  /** The same for a chunk that is broadcast to those that are not blocked. */
  park(bytesMax: number): boolean {
    return this.#backlog === undefined || this.#backlog.fits(this.#socket.getBufferedAmount(), bytesMax);
  }

  /**
   * Writes what is parked until the kernel refuses again. Never to be called inside uWebSockets' drain handler: a frame
   * of 16 KiB or more that is only partly written there disarms the writable poll for ever.
   */
  resume(): void {
    while (this.#backlog !== undefined && this.#socket.getBufferedAmount() === 0) {
      const { begun } = this.#backlog;
      const chunk = this.#backlog.next();
      if (chunk.length === 0) this.#unblock();
      else this.#write(chunk, begun, this.#log.end);
    }
  }

  /** Says why and ends. What is parked is dropped: the close covers it, also in the middle of a fragmented message. */
  end(close: Close): void {
    this.#forget();
    this.#socket.end(close.code, close.reason);
  }

  /** Ends without a word. */
  cut(): void {
    this.#forget();
    this.#socket.close();
  }

  /** Drops what is parked, at the begin of a close that must wait for the socket to drain. No broadcast comes after it. */
  drop(): void {
    this.#waiting.blocked.delete(this);
    this.#backlog?.drop();
    this.#topic = undefined;
  }

  /** The socket is gone, whoever ended it. */
  gone(): void {
    this.#open = false;
    this.#forget();
  }

  #forget(): void {
    if (this.#backlog === undefined) return;
    this.#waiting.blocked.delete(this);
    this.#backlog.clear();
    this.#backlog = undefined;
  }

  /**
   * From here on it waits, behind the chunk or what is begun of its one frame. Leaves the broadcasts, which would else come
   * between the fragments of a message.
   */
  #block(place: number): Backlog {
    if (this.#topic !== undefined) this.#socket.unsubscribe(this.#topic);
    this.#waiting.blocked.add(this);
    this.#backlog = new Backlog(this.#waiting.copies, this.#log, place);
    return this.#backlog;
  }

  #unblock(): void {
    this.#forget();
    if (this.#topic !== undefined) this.#socket.subscribe(this.#topic);
  }

  /**
   * Hands over a chunk, or what follows `begun` of a single frame. What the kernel refuses blocks the socket, which then
   * waits for all `behind` the chunk.
   */
  #write(chunk: Chunk, begun: number, behind: number): void {
    if (chunk.length > 1) {
      corked.socket = this.#socket;
      corked.chunk = chunk;
      this.#socket.cork(writeCorked);
      // Inside a cork every send answers 1; only now is it known what the kernel took.
      this.#written(chunk, this.#socket.getBufferedAmount() === 0, behind);
      return;
    }
    const frame = chunk[0] as Frame;
    if (begun > 0 || (frame.length > fragmentBytes && this.#waiting.copies.full))
      this.#writeFragments(frame, begun, behind);
    else this.#written(chunk, this.#socket.send(frame, false) !== 0, behind);
  }

  /** What is begun goes on in one piece when not much is copied any more. */
  #writeFragments(frame: Frame, begun: number, behind: number): void {
    const size = this.#waiting.copies.full ? fragmentBytes : frame.length;
    const at = sendFragments(this.#socket, frame, begun, size);
    if (at === allTaken || at === frame.length) this.#written([frame], at === allTaken, behind);
    else {
      const backlog = this.#backlog ?? this.#block(behind - 1);
      backlog.holdBegun(at, this.#socket.getBufferedAmount());
    }
  }

  #written(chunk: Chunk, taken: boolean, behind: number): void {
    this.#backlog?.handedOver(chunk.length);
    if (!taken) this.#hold(chunk, behind);
  }

  #hold(inside: Chunk, behind: number): void {
    const backlog = this.#backlog ?? this.#block(behind);
    backlog.hold(inside, this.#socket.getBufferedAmount());
  }
}

/** The arguments of `writeCorked`, which is shared so that no write makes a closure. */
const corked: { socket: Socket | undefined; chunk: Chunk } = { socket: undefined, chunk: [] };

function writeCorked(): void {
  const { socket, chunk } = corked;
  for (const frame of chunk) socket?.send(frame, false);
}

/** Tells the answer to our ping from the pongs that some clients send unasked, which are empty. */
const pingPayload = "e";

/** Whether the payload of a pong is that of our pings. */
export function answersPing(payload: ArrayBuffer): boolean {
  return payload.byteLength === pingPayload.length;
}

/** In whole seconds, since a small number costs a socket no memory of its own. */
function now(): number {
  return Math.floor(performance.now() / 1000);
}

function nothing(): void {}
