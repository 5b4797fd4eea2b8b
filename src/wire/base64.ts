/**
 * Decodes the base64 text in a JSON string. Each call of `run` decodes one slice of the text. The string may contain
 * JSON escapes.
 */

const backslash = 0x5c;
const padding = 0x3d;

/** By byte: 1 for a character of either base64 alphabet, 2 for white space, which is skipped, 0 for all other bytes. */
const kinds = Uint8Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  if (/[A-Za-z0-9+/_-]/.test(character)) return 1;
  return /[ \t\r\n]/.test(character) ? 2 : 0;
});
const plain = 1;
const space = 2;

export class Base64 {
  readonly #text: Uint8Array;
  readonly #end: number;
  readonly #bytes: Buffer;
  #at: number;
  #size = 0;
  /**
   * Up to three characters that are left from the last slice of the text. They are decoded with the next slice, because
   * only four characters make whole bytes.
   */
  #rest = "";
  #padded = 0;

  /**
   * The base64 text stands in `text` from `start` to `end`, without its quotes. The caller must have checked that it is
   * a JSON string.
   */
  constructor(text: Uint8Array, start: number, end: number) {
    this.#text = text;
    this.#at = start;
    this.#end = end;
    this.#bytes = Buffer.allocUnsafeSlow(Math.ceil(((end - start) * 3) / 4));
  }

  /**
   * Decodes about `charactersMax` more characters. Returns true at the end of the text. Throws when the text is not
   * base64.
   */
  run(charactersMax: number): boolean {
    const stop = Math.min(this.#end, this.#at + charactersMax);
    const characters = Buffer.allocUnsafe(stop - this.#at);
    let count = 0;
    while (this.#at < stop) {
      const byte = this.#character();
      const kind = kinds[byte] as number;
      if (kind === plain && this.#padded === 0) characters[count++] = byte;
      else if (byte === padding) this.#padded++;
      else if (kind !== space) throw new Error("no base64");
    }
    const done = this.#at >= this.#end;
    const text = this.#rest + characters.toString("latin1", 0, count);
    const whole = done ? text.length : text.length - (text.length % 4);
    this.#rest = text.slice(whole);
    this.#size += this.#bytes.write(text.slice(0, whole), this.#size, "base64");
    if (done) this.#checkEnd(text.length % 4);
    return done;
  }

  /** Returns the decoded bytes. Call `result` after `run` has returned true. */
  result(): Uint8Array {
    return this.#bytes.subarray(0, this.#size);
  }

  #character(): number {
    const byte = this.#text[this.#at++] as number;
    if (byte !== backslash) return byte;
    const escaped = this.#text[this.#at++] as number;
    if (escaped !== 0x75) return escaped === 0x2f ? escaped : spaceOf(escaped);
    const code = Number.parseInt(Buffer.from(this.#text.subarray(this.#at, this.#at + 4)).toString("latin1"), 16);
    this.#at += 4;
    return code < 256 ? code : 0;
  }

  /**
   * Checks the end of the text. `left` is the number of characters after the last whole group of four. A single
   * character makes no byte. Padding may be absent; if there is padding, it must fill the group up to four characters.
   */
  #checkEnd(left: number): void {
    if (left === 1 || this.#padded > 2 || (this.#padded > 0 && (left + this.#padded) % 4 !== 0))
      throw new Error("no base64");
  }
}

/**
 * Returns the byte for the escapes `\n`, `\r` and `\t`, given the letter after the backslash. Returns 0, which is not
 * base64, for every other escape.
 */
function spaceOf(escaped: number): number {
  if (escaped === 0x6e) return 0x0a;
  if (escaped === 0x72) return 0x0d;
  return escaped === 0x74 ? 0x09 : 0;
}
