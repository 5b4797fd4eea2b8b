/**
 * A connection to PostgreSQL that logs in only with SCRAM. With SCRAM the server proves that it knows the password, and
 * nobody sends the password itself.
 */

import { Socket } from "node:net";

/** The parameter of a connection URL that demands SCRAM, spelled as libpq spells it. */
export const scramDemand = "require_auth=scram-sha-256";

/** The option that makes a client of pg use a ScramSocket. Empty when the URL does not demand SCRAM. */
export function demandedStream(url: string): { stream?: () => Socket } {
  return url.split("?")[1]?.split("&").includes(scramDemand) ? { stream: () => new ScramSocket() } : {};
}

/** The authentication messages that a server with SCRAM sends, in this order: SASL, two steps of SASL, and success. */
const order = [10, 11, 12, 0];
const [authentication, error, notice] = [..."REN"].map((letter) => letter.charCodeAt(0));

/**
 * Ends the connection with an error when the server asks for a log-in other than SCRAM, before pg sees the request. pg
 * would send the password in clear, or trust the server.
 */
class ScramSocket extends Socket {
  #step = 0;
  #unread: Buffer = Buffer.alloc(0);

  override push(chunk: unknown, encoding?: BufferEncoding): boolean {
    if (this.#step === order.length || !(chunk instanceof Uint8Array) || this.#proves(chunk)) {
      return super.push(chunk, encoding);
    }
    this.destroy(new Error("the database server wants to log in without SCRAM: it may not be the real one"));
    return false;
  }

  #proves(chunk: Uint8Array): boolean {
    let unread = Buffer.concat([this.#unread, chunk]);
    while (this.#step < order.length && unread.length >= 5) {
      const [type] = unread;
      const length = 1 + Math.max(unread.readUInt32BE(1), 4);
      if (type === authentication) {
        if (unread.length < 9) break;
        if (unread.readUInt32BE(5) !== order[this.#step]) return false;
      } else if (type !== error && type !== notice) return false;
      if (unread.length < length) break;
      if (type === authentication) this.#step++;
      unread = unread.subarray(length);
    }
    this.#unread = unread;
    return true;
  }
}
