/**
 * An answer over HTTP/1.1 as a stream of Node.js that says how much it holds, whatever it is made of. What is written in one turn
 * leaves in one piece.
 */

import { Writable } from "node:stream";

/** Pieces up to this size together are joined. Copying a few bytes is cheaper than a chunk of HTTP for each of them. */
const joinedBytesMax = 64 * 1024;

interface Waiting {
  readonly chunk: Buffer;
}

type Done = (error?: Error | null) => void;

export abstract class WritableAnswer extends Writable {
  constructor() {
    super({ decodeStrings: true });
    // A client that goes is a normal end, which `close` tells.
    this.on("error", () => {});
  }

  /** Asks for a sign of life. HTTP/1.1 has no ping. That the kernel took everything so far is all that can be seen. */
  ping(answered: () => void): void {
    this.write(noBytes, (error) => {
      if (!error) answered();
    });
  }

  /** Writes the last bytes and ends. */
  finish(bytes: Uint8Array): void {
    if (bytes.length > 0) this.write(bytes);
    this.end();
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: Done): void {
    if (chunk.length === 0) done();
    else this.send([chunk], done);
  }

  override _writev(waiting: Waiting[], done: Done): void {
    const pieces = waiting.map(({ chunk }) => chunk).filter(({ length }) => length > 0);
    const bytes = pieces.reduce((sum, { length }) => sum + length, 0);
    if (bytes === 0) done();
    else this.send(bytes <= joinedBytesMax ? [Buffer.concat(pieces)] : pieces, done);
  }

  override _final(done: Done): void {
    this.complete();
    done();
  }

  override _destroy(error: Error | null, done: Done): void {
    this.abandon();
    done(error);
  }

  /** Sends the pieces, at least one. Calls `done` when no byte of them is held any more. */
  protected abstract send(pieces: readonly Buffer[], done: Done): void;
  /** Ends the answer after everything that was sent. */
  protected abstract complete(): void;
  /** Cuts an answer that is not complete. */
  protected abstract abandon(): void;
}

const noBytes = Buffer.alloc(0);
