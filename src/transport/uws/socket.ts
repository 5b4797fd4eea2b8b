/**
 * The methods of an open WebSocket that the fan-out uses. A `uWS.WebSocket` has them; it must be made with
 * `maxBackpressure: 0`.
 */

export interface UwsSocket {
  /**
   * Sends a frame. Returns 1 when the kernel took the whole frame, and always within a cork. Returns 0 when a part of
   * the frame waits in user space.
   */
  send(frame: Uint8Array, isBinary: boolean): number;
  /**
   * Sends the first fragment of a message; any number of `sendFragment` and one `sendLastFragment` must follow. Returns
   * the same as `send`. Between the fragments no `send` and no broadcast may come. A ping or a close may.
   */
  sendFirstFragment(fragment: Uint8Array, isBinary: boolean): number;
  sendFragment(fragment: Uint8Array): number;
  sendLastFragment(fragment: Uint8Array): number;
  /**
   * Runs `write`. Then hands the kernel the bytes that waited before and the bytes that `write` sent. The bytes that
   * waited go to the kernel even if `write` sent nothing.
   */
  cork(write: () => void): unknown;
  /** Sends a ping after everything that was sent before. */
  ping(payload: string): unknown;
  /** Returns how many bytes wait in user space because the kernel has not taken them yet. */
  getBufferedAmount(): number;
  /**
   * Subscribes the socket to a topic. From now on the socket also gets every message that is published on the topic.
   */
  subscribe(topic: string): unknown;
  unsubscribe(topic: string): unknown;
  /** Sends a close frame after all bytes that wait. The close handler runs before `end` returns. */
  end(code: number, reason: string): unknown;
  /** Cuts the connection at once, without a close frame. The close handler runs before `close` returns. */
  close(): unknown;
}
