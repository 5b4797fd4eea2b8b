/**
 * Writes a google.protobuf.Struct as JSON text directly from its binary form. To build objects first would take ten
 * times as long, and would lose a member named `__proto__`.
 */

import { isUtf8 } from "node:buffer";
import { AppError } from "../../domain/errors.js";
import { CheckedObject } from "../../json/checked-object.js";
import { depthMax } from "../../json/cursor.js";
import { parsedBytesMax } from "../../json/parsed-bytes.js";
import { bit64, Fields, lengthDelimited, varint, WireError } from "../../wire/fields.js";

/** The bytes of a google.protobuf.Struct in binary form, not decoded. */
export class StructBytes extends Uint8Array<ArrayBufferLike> {}

const quote = 0x22;
/** By byte: the escape that JSON needs for the byte. Undefined when the byte needs none. */
const escapes: readonly (string | undefined)[] = Array.from({ length: 0x5d }, (_, byte) => {
  if (byte >= 0x20 && byte !== quote && byte !== 0x5c) return undefined;
  return JSON.stringify(String.fromCharCode(byte)).slice(1, -1);
});

/**
 * Converts a Struct to JSON text. The members keep their order. When two members have the same name, a reader takes the
 * later one, in JSON as in a Struct. Throws AppError INVALID_REQUEST_BODY for a Struct of more than 64 KiB or more than
 * 256 levels, for one with a value that JSON does not have, and for bytes that are no Struct.
 */
export function structToJson(struct: StructBytes): CheckedObject {
  if (struct.length > parsedBytesMax)
    throw refusal(`must be at most ${parsedBytesMax} bytes as a Struct; data_json takes larger objects, as JSON text`);
  try {
    const writer = new StructWriter(struct);
    writer.struct(0, struct.length, 1);
    return writer.text();
  } catch (cause) {
    throw cause instanceof WireError ? refusal("must be a google.protobuf.Struct in binary form", cause) : cause;
  }
}

class StructWriter {
  readonly #from: Buffer;
  #to: Buffer;
  #at = 0;

  constructor(struct: Uint8Array) {
    this.#from = Buffer.from(struct.buffer, struct.byteOffset, struct.length);
    this.#to = Buffer.allocUnsafe(2 * struct.length + 64);
  }

  text(): CheckedObject {
    return new CheckedObject(this.#to.buffer, this.#to.byteOffset, this.#at);
  }

  struct(start: number, end: number, depth: number): void {
    this.#container("{", "}", start, end, depth, (from, to) => this.#entry(from, to, depth));
  }

  /** Writes a Struct or a list as JSON. The contents of both stand in the repeated field 1. */
  #container(
    open: string,
    close: string,
    start: number,
    end: number,
    depth: number,
    write: (from: number, to: number) => void,
  ): void {
    if (depth > depthMax) throw refusal(`must be a JSON object: nested deeper than ${depthMax} levels`);
    this.#ascii(open);
    const fields = this.#fields(start, end);
    let more = false;
    while (fields.next()) {
      if (!fields.is(1, lengthDelimited)) continue;
      if (more) this.#ascii(",");
      more = true;
      write(fields.start, fields.end);
    }
    this.#ascii(close);
  }

  /** Writes one member of a Struct. Key and value may come in any order. A missing key is written as the empty name. */
  #entry(start: number, end: number, depth: number): void {
    let key = { start: end, end };
    let value: { start: number; end: number } | undefined;
    const fields = this.#fields(start, end);
    while (fields.next()) {
      if (fields.is(1, lengthDelimited)) key = { start: fields.start, end: fields.end };
      else if (fields.is(2, lengthDelimited)) value = { start: fields.start, end: fields.end };
    }
    this.#string(key.start, key.end);
    this.#ascii(":");
    if (value === undefined) throw noKind();
    this.#value(value.start, value.end, depth);
  }

  /** Writes a google.protobuf.Value as JSON. When the value has several kinds, the last kind counts. */
  #value(start: number, end: number, depth: number): void {
    const fields = this.#fields(start, end);
    let kind: { number: number; start: number; end: number; truth: boolean } | undefined;
    while (fields.next()) {
      if (fields.type !== kindTypes[fields.number]) continue;
      kind = {
        number: fields.number,
        start: fields.start,
        end: fields.end,
        truth: fields.type === varint && fields.truth(),
      };
    }
    if (kind === undefined) throw noKind();
    const { number, start: from, end: to, truth } = kind;
    if (number === 1) this.#ascii("null");
    else if (number === 2) this.#number(from);
    else if (number === 3) this.#string(from, to);
    else if (number === 4) this.#ascii(truth ? "true" : "false");
    else if (number === 5) this.struct(from, to, depth + 1);
    else this.#list(from, to, depth + 1);
  }

  #list(start: number, end: number, depth: number): void {
    this.#container("[", "]", start, end, depth, (from, to) => this.#value(from, to, depth));
  }

  #fields(start: number, end: number): Fields {
    return new Fields(this.#from, start, end, parsedBytesMax);
  }

  #number(start: number): void {
    const value = this.#from.readDoubleLE(start);
    if (!Number.isFinite(value)) throw refusal("must have finite numbers only, as JSON has no others");
    this.#ascii(String(value));
  }

  #string(start: number, end: number): void {
    const from = this.#from;
    // One byte of a string becomes at most six bytes of JSON, such as `\u0001`.
    this.#room(6 * (end - start) + 2);
    const to = this.#to;
    let at = this.#at;
    let ascii = true;
    to[at++] = quote;
    for (let next = start; next < end; next++) {
      const byte = from[next] as number;
      const escaped = byte < escapes.length ? escapes[byte] : undefined;
      if (escaped === undefined) {
        if (byte >= 0x80) ascii = false;
        to[at++] = byte;
      } else for (let i = 0; i < escaped.length; i++) to[at++] = escaped.charCodeAt(i);
    }
    to[at++] = quote;
    this.#at = at;
    if (!ascii && !isUtf8(from.subarray(start, end))) throw new WireError("a string that is no UTF-8");
  }

  #ascii(text: string): void {
    this.#room(text.length);
    for (let i = 0; i < text.length; i++) this.#to[this.#at++] = text.charCodeAt(i);
  }

  #room(size: number): void {
    if (this.#at + size <= this.#to.length) return;
    const larger = Buffer.allocUnsafe(2 * (this.#at + size));
    larger.set(this.#to.subarray(0, this.#at), 0);
    this.#to = larger;
  }
}

/** The wire type of each kind of a google.protobuf.Value, by field number. */
const kindTypes: readonly (number | undefined)[] = [
  undefined,
  varint,
  bit64,
  lengthDelimited,
  varint,
  lengthDelimited,
  lengthDelimited,
];

function noKind(): AppError {
  return refusal("must have a kind in each of its values");
}

function refusal(rule: string, cause?: unknown): AppError {
  return new AppError("INVALID_REQUEST_BODY", { cause, field: "data", rule });
}
