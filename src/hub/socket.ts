/** What the hub needs of one open WebSocket. A `uWS.WebSocket` is one; it must be made with `maxBackpressure: 0`. */

export interface Socket {
  /** 1: taken by the kernel (or corked). 0: accepted, but some of it waits in user space. */
  send(frame: Uint8Array, isBinary: boolean): number;
  /**
   * `send` in pieces: a first, any number between, a last, which together are one message; answers as `send`. No `send` and
   * no broadcast may come between them; a close may, and a ping.
   */
  sendFirstFragment(fragment: Uint8Array, isBinary: boolean): number;
  sendFragment(fragment: Uint8Array): number;
  sendLastFragment(fragment: Uint8Array): number;
  /** Runs `write` and hands what it sent to the kernel at once, behind what waits; also when it sent nothing. */
  cork(write: () => void): unknown;
  /** Sends a ping after everything that was sent before. */
  ping(payload: string): unknown;
  /** Bytes that wait in user space. */
  getBufferedAmount(): number;
  /** From now on the socket also gets what is broadcast on the topic; see `Broadcast`. */
  subscribe(topic: string): unknown;
  unsubscribe(topic: string): unknown;
  /** Sends a close frame behind everything that waits. Calls the close handler synchronously. */
  end(code: number, reason: string): unknown;
  /** Cuts at once, without a close frame. Calls the close handler synchronously. */
  close(): unknown;
}

/**
 * Queues a frame for every socket that is subscribed to the topic. uWebSockets writes the queue at the end of the turn of
 * the event loop, or before the next `send` to the socket, and says nothing of what the kernel did not take.
 */
export type Broadcast = (topic: string, frame: Uint8Array) => void;
