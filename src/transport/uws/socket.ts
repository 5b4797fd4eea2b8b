/** What the fan-out needs of an open WebSocket. A `uWS.WebSocket` is one; it must be made with `maxBackpressure: 0`. */

export interface UwsSocket {
  /** 1: taken by the kernel (or corked). 0: accepted, but some of it waits in user space. */
  send(frame: Uint8Array, isBinary: boolean): number;
  /**
   * `send` in pieces: a first, any number between, a last, which together are one message; answers as `send`. No `send` and
   * no broadcast may come between them; a close may, and a ping.
   */
  sendFirstFragment(fragment: Uint8Array, isBinary: boolean): number;
  sendFragment(fragment: Uint8Array): number;
  sendLastFragment(fragment: Uint8Array): number;
  /** Runs `write` and hands what it sent to the kernel at once, after what waits; also when it sent nothing. */
  cork(write: () => void): unknown;
  /** Sends a ping after everything that was sent before. */
  ping(payload: string): unknown;
  /** Bytes that wait in user space. */
  getBufferedAmount(): number;
  /** From now on the socket also gets what is published on the topic. */
  subscribe(topic: string): unknown;
  unsubscribe(topic: string): unknown;
  /** Sends a close frame after everything that waits. Calls the close handler synchronously. */
  end(code: number, reason: string): unknown;
  /** Cuts at once, without a close frame. Calls the close handler synchronously. */
  close(): unknown;
}
