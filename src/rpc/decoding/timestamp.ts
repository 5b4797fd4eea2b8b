/** Reads a time that a client sends: a google.protobuf.Timestamp in JSON or in binary form. */

import { type DescField, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { type Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { AppError } from "../../domain/errors.js";
import { Fields, varint } from "../../wire/fields.js";

/** The end of the year 9999 in seconds since 1970. RFC 3339 writes no later time. */
const secondsMax = 253_402_300_799n;
const nanosMax = 999_999_999;
/** Most fields that a Timestamp in binary form may have. It has two, and a later release of Protobuf may add some. */
const fieldsMax = 64;
/** Longest varint, in bytes, whose value a JavaScript number holds exactly. */
const exactBytesMax = 7;

export function isTimestamp(field: DescField): boolean {
  return field.fieldKind === "message" && field.message.typeName === TimestampSchema.typeName;
}

/** Reads a time from JSON. Throws AppError INVALID_REQUEST_BODY, which names `field`. */
export function timestampOfJson(json: JsonValue, field: string): Timestamp {
  try {
    const timestamp = fromJson(TimestampSchema, json);
    if (standsInCalendar(json as string)) return timestamp;
  } catch (cause) {
    throw noTime(field, cause);
  }
  throw noTime(field);
}

/**
 * Whether the day and the hour of the text are in the calendar. The Protobuf library takes 30 February for 2 March, and
 * 24 o'clock for the next day.
 */
function standsInCalendar(text: string): boolean {
  const day = text.slice(0, "2026-11-29".length);
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day) && !text.startsWith(`${day}T24`);
}

function noTime(field: string, cause?: unknown): AppError {
  const rule = "must be a time as RFC 3339 writes it, such as 2026-11-29T13:20:00.123Z";
  return new AppError("INVALID_REQUEST_BODY", { cause, field, rule });
}

/**
 * Reads a Timestamp in binary form, which stands in `bytes` from `start` to `end`. Its fields replace those in
 * `before`, because a message field that stands twice is merged. Throws WireError.
 */
export function readTimestamp(bytes: Uint8Array, start: number, end: number, before?: Timestamp): Timestamp {
  const { $typeName, seconds, nanos } = before ?? noTimestamp;
  const timestamp: Timestamp = { $typeName, seconds, nanos };
  for (const fields = new Fields(bytes, start, end, fieldsMax); fields.next(); ) {
    if (fields.type !== varint) continue;
    const exact = fields.end - fields.start <= exactBytesMax;
    if (fields.number === 1) timestamp.seconds = exact ? BigInt(fields.value()) : BigInt.asIntN(64, fields.big());
    else if (fields.number === 2)
      timestamp.nanos = exact ? fields.value() | 0 : Number(BigInt.asIntN(32, fields.big()));
  }
  return timestamp;
}

const noTimestamp: Timestamp = { $typeName: "google.protobuf.Timestamp", seconds: 0n, nanos: 0 };

/**
 * Returns the time in milliseconds since 1970, without the microseconds and nanoseconds. Throws AppError
 * INVALID_REQUEST_BODY, which names `field`, for a time before 1970 or after the year 9999.
 */
export function millisecondsOf({ seconds, nanos }: Timestamp, field: string): number {
  if (seconds < 0n || seconds > secondsMax || nanos < 0 || nanos > nanosMax) {
    const rule = "must be a time from 1970-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z";
    throw new AppError("INVALID_REQUEST_BODY", { field, rule });
  }
  return Number(seconds) * 1_000 + Math.floor(nanos / 1_000_000);
}
