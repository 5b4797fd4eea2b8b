/**
 * A cursor walks through the UTF-8 text of a JSON object byte by byte. It checks the grammar of RFC 8259, builds no
 * objects, and tells a watcher where members stand. `run` reads a part of the text and a later `run` goes on, so a
 * large text need not hold the event loop.
 */

import { JsonError } from "./json-error.js";
import { isNumberComplete, nextOfNumber, numberEnds, numberStart } from "./number.js";

/**
 * Most levels to which objects and arrays may nest. No event needs more levels, and the JSON parsers of some consumers
 * fail only a little deeper.
 */
export const depthMax = 256;

/**
 * The cursor tells a watcher where members and elements begin and end. It always reports those of the root, and those
 * of an inner object or array only if `begin` returned true for that value.
 */
export interface Watcher {
  /**
   * The cursor calls `begin` when a member or an element begins. `depth` is 1 in the root. The cursor stands at the
   * value; in an object the watcher may ask the cursor for the key. Returns whether the watcher wants to hear of the
   * contents of the value, if the value is an object or an array.
   */
  begin(cursor: Cursor, depth: number): boolean;
  /** The cursor calls `end` after the value that began last at this depth. The cursor then stands after the value. */
  end(cursor: Cursor, depth: number): void;
}

const quote = 0x22;
const comma = 0x2c;
const minus = 0x2d;
const colon = 0x3a;
const openBracket = 0x5b;
const backslash = 0x5c;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/**
 * The states of the cursor. A state says to which kind of text the next byte belongs. In the states from `value` on,
 * white space may come first.
 */
const inString = 0;
const inKey = 1;
const inNumber = 2;
const value = 3;
const firstElement = 4;
const firstKey = 5;
const key = 6;
const separator = 7;
const afterValue = 8;
const afterText = 9;

/** By byte: 1 if the byte ends a run of plain bytes in a string: the quote, the backslash, a control character. */
const stops = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte < 0x20 || byte === quote || byte === backslash ? 1 : 0,
);
/** By byte: 1 if the byte may follow a backslash in a string, except `u`, which needs four hex digits after it. */
const escapes = Uint8Array.from({ length: 256 }, (_, byte) =>
  '"\\/bfnrt'.includes(String.fromCharCode(byte)) ? 1 : 0,
);

export class Cursor {
  /** Offset of the byte that the cursor reads next. */
  at = 0;
  /** Offset of the opening quote of the current member's key. */
  keyStart = 0;
  #keyEnd = 0;
  readonly #bytes: Uint8Array;
  readonly #watcher: Watcher | undefined;
  readonly #levelsMax: number;
  #state = value;
  #number = numberStart;
  /** The closing byte (`}` or `]`) of each object and array that is open, the outermost first. */
  readonly #open: number[] = [];
  /** Number of open objects and arrays whose contents the watcher hears of, counted from the root. */
  #watched = 0;
  #enters: boolean;

  /** The caller must check first that `bytes` is UTF-8. `levelsMax` is how deep objects and arrays may nest. */
  constructor(bytes: Uint8Array, watcher?: Watcher, levelsMax: number = depthMax) {
    this.#bytes = bytes;
    this.#levelsMax = levelsMax;
    this.#watcher = watcher;
    this.#enters = watcher !== undefined;
  }

  /** Whether the key of the member that has just begun is `name`, which must be plain ASCII. */
  keyIs(name: string): boolean {
    const bytes = this.#bytes;
    const start = this.keyStart + 1;
    const end = this.#keyEnd - 1;
    for (let i = 0; start + i < end; i++) {
      const byte = bytes[start + i];
      if (byte === backslash) return this.#decodesTo(name);
      if (byte !== name.charCodeAt(i)) return false;
    }
    return end - start === name.length;
  }

  /** Whether the value that has just begun is an object. */
  isObject(): boolean {
    return this.#bytes[this.at] === openBrace;
  }

  /**
   * Reads about `bytesMax` more bytes. Returns true when the whole text was read and is a JSON object. Throws JsonError
   * for a broken rule.
   */
  run(bytesMax: number): boolean {
    const bytes = this.#bytes;
    const stop = Math.min(bytes.length, this.at + bytesMax);
    for (;;) {
      const state = this.#state;
      if (state >= value) this.#space(stop);
      if (this.at >= stop && stop < bytes.length) return false;
      switch (state) {
        case inString:
          if (this.#string(stop)) this.#ended();
          break;
        case inKey:
          if (this.#string(stop)) {
            this.#keyEnd = this.at;
            this.#state = separator;
          }
          break;
        case inNumber:
          if (this.#digits(stop)) this.#ended();
          break;
        case firstElement:
          if (bytes[this.at] === closeBracket) this.#leave();
          else this.#value();
          break;
        case value:
          this.#value();
          break;
        case firstKey:
          if (bytes[this.at] === closeBrace) this.#leave();
          else this.#key();
          break;
        case key:
          this.#key();
          break;
        case separator:
          if (bytes[this.at] !== colon) throw this.#fault("expected a colon");
          this.at++;
          this.#state = value;
          break;
        case afterValue:
          this.#next();
          break;
        default:
          if (this.at < bytes.length) throw this.#fault("text after the value");
          return true;
      }
    }
  }

  #space(stop: number): void {
    const bytes = this.#bytes;
    let at = this.at;
    for (; at < stop; at++) {
      const byte = bytes[at];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
    }
    this.at = at;
  }

  #value(): void {
    const depth = this.#open.length;
    const first = this.#bytes[this.at];
    if (depth === 0 && first !== openBrace) throw this.#fault("expected an object");
    if (depth > 0 && depth === this.#watched) this.#enters = (this.#watcher as Watcher).begin(this, depth);
    if (first === quote) {
      this.at++;
      this.#state = inString;
    } else if (first === openBrace) this.#enter(closeBrace, firstKey);
    else if (first === openBracket) this.#enter(closeBracket, firstElement);
    else if (first === 0x74) this.#literal("true");
    else if (first === 0x66) this.#literal("false");
    else if (first === 0x6e) this.#literal("null");
    else {
      if (first === minus) this.at++;
      this.#number = numberStart;
      this.#state = inNumber;
    }
  }

  #key(): void {
    if (this.#bytes[this.at] !== quote) throw this.#fault("expected a string");
    this.keyStart = this.at++;
    this.#state = inKey;
  }

  /** Reads on in a string. Returns true after the closing quote, and false when the string goes on after `stop`. */
  #string(stop: number): boolean {
    const bytes = this.#bytes;
    let at = this.at;
    for (;;) {
      while (at < stop && stops[bytes[at] as number] === 0) at++;
      this.at = at;
      if (at >= stop && stop < bytes.length) return false;
      const byte = bytes[at];
      if (byte === quote) {
        this.at = at + 1;
        return true;
      }
      if (byte !== backslash) throw this.#fault("control character or end of text in a string");
      const escaped = bytes[at + 1] ?? 0;
      if (escapes[escaped] === 1) at += 2;
      else if (escaped === 0x75 && isHex(bytes, at + 2)) at += 6;
      else throw this.#fault("unknown escape");
    }
  }

  /** Reads on in a number. Returns true at the end of the number, and false when the number goes on after `stop`. */
  #digits(stop: number): boolean {
    const bytes = this.#bytes;
    let at = this.at;
    let number = this.#number;
    for (; at < stop; at++) {
      const next = nextOfNumber(number, bytes[at] as number);
      if (next === numberEnds) break;
      number = next;
    }
    this.at = at;
    this.#number = number;
    if (at >= stop && stop < bytes.length) return false;
    if (!isNumberComplete(number)) throw this.#fault("expected a value");
    return true;
  }

  #literal(word: string): void {
    for (let i = 0; i < word.length; i++) {
      if (this.#bytes[this.at] !== word.charCodeAt(i)) throw this.#fault("unknown word");
      this.at++;
    }
    this.#ended();
  }

  #enter(close: number, state: number): void {
    const depth = this.#open.push(close);
    if (depth > this.#levelsMax) throw this.#fault("nested too deep");
    if (this.#watched === depth - 1 && this.#enters) this.#watched = depth;
    this.at++;
    this.#state = state;
  }

  /** Leaves the object or array whose closing byte comes next. */
  #leave(): void {
    const depth = this.#open.length;
    this.#open.pop();
    if (this.#watched === depth) this.#watched = depth - 1;
    this.at++;
    this.#ended();
  }

  #ended(): void {
    const depth = this.#open.length;
    this.#state = depth === 0 ? afterText : afterValue;
    if (depth > 0 && depth === this.#watched) (this.#watcher as Watcher).end(this, depth);
  }

  /** Reads the byte after a value: a comma leads to the next member or element, a closing byte ends the container. */
  #next(): void {
    const close = this.#open[this.#open.length - 1];
    const byte = this.#bytes[this.at];
    if (byte === close) this.#leave();
    else if (byte === comma) {
      this.at++;
      this.#state = close === closeBrace ? key : value;
    } else throw this.#fault("expected a comma or an end");
  }

  #fault(message: string): JsonError {
    return new JsonError(this.at < this.#bytes.length ? message : "the text ends too early", this.at);
  }

  /** Whether the current key, which contains escapes, decodes to `name`. The cursor decodes no other keys. */
  #decodesTo(name: string): boolean {
    // An escape has at most six bytes and stands for one character, so a longer key cannot be `name`.
    if (this.#keyEnd - this.keyStart - 2 > 6 * name.length) return false;
    return JSON.parse(Buffer.from(this.#bytes.subarray(this.keyStart, this.#keyEnd)).toString()) === name;
  }
}

function isHex(bytes: Uint8Array, at: number): boolean {
  for (let i = at; i < at + 4; i++) {
    const byte = bytes[i] ?? 0;
    const letter = byte | 0x20;
    if (!((byte >= 0x30 && byte <= 0x39) || (letter >= 0x61 && letter <= 0x66))) return false;
  }
  return true;
}
