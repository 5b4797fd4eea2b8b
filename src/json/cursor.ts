/** Walks UTF-8 JSON text byte by byte: checks every rule of RFC 8259, builds nothing, tells where members stand. */

import { JsonError } from "./json-error.js";

/** Deeper nesting is refused: it has no use in an event, and consumers' parsers give up not far beyond. */
export const depthMax = 256;

/** The key of a member, not decoded unless it has to be. */
export interface Key {
  /** Where its opening quote stands. */
  readonly start: number;
  /** Whether it reads as `name`, which is plain ASCII. */
  is(name: string): boolean;
}

/** Sees a member with the cursor at its value, which it must read to the end. The key is valid until then. */
export type OnMember = (key: Key) => void;

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const backslash = 0x5c;

/** 1 for the bytes that interrupt the run of plain bytes in a string: the quote, the backslash, control characters. */
const stops = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte < 0x20 || byte === quote || byte === backslash ? 1 : 0,
);
/** 1 for what may follow a backslash, `u` apart. */
const escapes = Uint8Array.from({ length: 256 }, (_, byte) =>
  '"\\/bfnrt'.includes(String.fromCharCode(byte)) ? 1 : 0,
);

export class Cursor {
  readonly #bytes: Uint8Array;
  /** Where the next byte is read. */
  at = 0;
  #depth = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Refuses anything but white space up to the end. */
  finish(): void {
    this.space();
    if (this.at !== this.#bytes.length) throw this.#fault("text behind the value");
  }

  /** Whether the value at the cursor is an object. */
  isObject(): boolean {
    return this.#bytes[this.at] === openBrace;
  }

  space(): void {
    const bytes = this.#bytes;
    for (;;) {
      const byte = bytes[this.at];
      if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) this.at++;
      else return;
    }
  }

  /** Reads an object; members are handed over in their order, duplicates included. */
  object(onMember?: OnMember): void {
    this.#enter(openBrace);
    this.space();
    let byte = this.#bytes[this.at];
    while (byte !== closeBrace) {
      const start = this.at;
      this.string();
      const end = this.at;
      this.space();
      if (this.#bytes[this.at] !== colon) throw this.#fault("expected a colon");
      this.at++;
      this.space();
      if (onMember) onMember({ start, is: (name) => this.#reads(start + 1, end - 1, name) });
      else this.value();
      byte = this.#separator(closeBrace);
    }
    this.#leave();
  }

  /** Reads any value. */
  value(): void {
    const first = this.#bytes[this.at];
    if (first === quote) this.string();
    else if (first === openBrace) this.object();
    else if (first === openBracket) this.#array();
    else if (first === 0x74) this.#literal("true");
    else if (first === 0x66) this.#literal("false");
    else if (first === 0x6e) this.#literal("null");
    else this.#number();
  }

  /** Reads a string. Whether its bytes are UTF-8 is for the caller to ask, once for the whole text. */
  string(): void {
    const bytes = this.#bytes;
    const end = bytes.length;
    let at = this.at;
    if (bytes[at] !== quote) throw this.#fault("expected a string");
    at++;
    for (;;) {
      while (at < end && stops[bytes[at] as number] === 0) at++;
      const byte = bytes[at];
      if (byte === quote) {
        this.at = at + 1;
        return;
      }
      this.at = at;
      if (byte !== backslash) throw this.#fault("control character or end of text in a string");
      const escaped = bytes[at + 1] ?? 0;
      if (escapes[escaped] === 1) at += 2;
      else if (escaped === 0x75 && [2, 3, 4, 5].every((i) => isHexDigit(bytes[at + i]))) at += 6;
      else throw this.#fault("unknown escape");
    }
  }

  /** Compares the bytes, and decodes only what has escapes in it. */
  #reads(start: number, end: number, name: string): boolean {
    const bytes = this.#bytes;
    for (let i = 0; start + i < end; i++) {
      const byte = bytes[start + i];
      if (byte === backslash) {
        return JSON.parse(Buffer.from(bytes.subarray(start - 1, end + 1)).toString()) === name;
      }
      if (byte !== name.charCodeAt(i)) return false;
    }
    return end - start === name.length;
  }

  #array(): void {
    this.#enter(openBracket);
    this.space();
    let byte = this.#bytes[this.at];
    while (byte !== closeBracket) {
      this.value();
      byte = this.#separator(closeBracket);
    }
    this.#leave();
  }

  /** Reads up to the next member or element, or to `close`, and answers the closing byte if it is that. */
  #separator(close: number): number | undefined {
    this.space();
    if (this.#bytes[this.at] === close) return close;
    if (this.#bytes[this.at] !== comma) throw this.#fault("expected a comma or an end");
    this.at++;
    this.space();
    return undefined;
  }

  #literal(word: string): void {
    for (let i = 0; i < word.length; i++) {
      if (this.#bytes[this.at] !== word.charCodeAt(i)) throw this.#fault("unknown word");
      this.at++;
    }
  }

  #number(): void {
    if (this.#bytes[this.at] === 0x2d) this.at++;
    if (this.#bytes[this.at] === 0x30) this.at++;
    else this.#digits();
    if (this.#bytes[this.at] === 0x2e) {
      this.at++;
      this.#digits();
    }
    const exponent = this.#bytes[this.at];
    if (exponent === 0x65 || exponent === 0x45) {
      const sign = this.#bytes[++this.at];
      if (sign === 0x2b || sign === 0x2d) this.at++;
      this.#digits();
    }
  }

  #digits(): void {
    const start = this.at;
    while (isDigit(this.#bytes[this.at])) this.at++;
    if (this.at === start) throw this.#fault("expected a value");
  }

  #fault(message: string): JsonError {
    return new JsonError(this.at < this.#bytes.length ? message : "the text ends too early", this.at);
  }

  #enter(open: number): void {
    if (this.#bytes[this.at] !== open)
      throw this.#fault(open === openBrace ? "expected an object" : "expected an array");
    if (++this.#depth > depthMax) throw this.#fault("nested too deep");
    this.at++;
  }

  #leave(): void {
    this.#depth--;
    this.at++;
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

function isHexDigit(byte: number | undefined): boolean {
  return isDigit(byte) || (byte !== undefined && (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66);
}
