/** What the hub needs of one open WebSocket. A `uWS.WebSocket` is one; it must be made with `maxBackpressure: 0`. */

export interface Socket {
  /** 1: taken by the kernel (or corked). 0: accepted, but some of it waits in user space. */
  send(frame: Uint8Array, isBinary: boolean): number;
  /** Runs `write` and hands what it sent to the kernel at once. */
  cork(write: () => void): unknown;
  /** Bytes that wait in user space. */
  getBufferedAmount(): number;
  /** Sends a close frame behind everything that waits. Calls the close handler synchronously. */
  end(code: number, reason: string): unknown;
  /** Cuts at once, without a close frame. Calls the close handler synchronously. */
  close(): unknown;
}
