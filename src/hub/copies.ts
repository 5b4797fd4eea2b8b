/** What uWebSockets copied for the blocked sockets of a node, and how much of that is too much. */

/** Bytes. A small node's few slow readers never come to it, so they never make frames dearer for the others. */
const bytesMin = 1024 * 1024;
/** Bytes. With it a socket that does not read costs a few KiB in the mean, however many there are. */
const bytesPerSocket = 1024;

export class Copies {
  /** Bytes that uWebSockets holds, each socket's as of its last write. 0 when no socket is blocked. */
  bytes = 0;
  /** Of these, the bytes of sockets that are to be closed: they go with the socket, and no sooner. */
  leaving = 0;
  #limit: number;
  readonly #bytesMin: number;
  readonly #bytesPerSocket: number;

  /** The limit in bytes: at least `min`, and more when `perSocket` for each open one is more. */
  constructor(min = bytesMin, perSocket = bytesPerSocket) {
    this.#bytesMin = min;
    this.#bytesPerSocket = perSocket;
    this.#limit = min;
  }

  /** From here on large frames go in fragments, so that the kernel's refusal leaves less to copy. */
  get full(): boolean {
    return this.bytes >= this.#limit;
  }

  /** To be told whenever a socket opens or goes. */
  limitFor(sockets: number): void {
    this.#limit = Math.max(this.#bytesMin, sockets * this.#bytesPerSocket);
  }
}
