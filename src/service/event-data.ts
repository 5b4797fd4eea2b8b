/** Checks the data of an event, unless it was checked where it came in, and finds the parts that publishing needs. */

import type { ByteRange, MediaSlot } from "../bus/bus.js";
import type { EventType } from "../domain/event-type.js";
import { CheckedObject } from "../json/checked-object.js";
import type { Cursor, Watcher } from "../json/cursor.js";
import { JsonError } from "../json/json-error.js";
import { Members, type Ranges, scan } from "../json/scan.js";
import { afterwards } from "../json/slices.js";

/** An event has one `base64`, or two when it fills both layouts. Each of them costs an object here and in the frame. */
const cutsMax = 64;

/** The facts about an event's data that publishing needs. */
export interface EventFacts {
  /** Present for a `message.exchange` that has a media object. */
  readonly slot?: MediaSlot | undefined;
  /** Present for an `instance.state`: where its members stand in the data. */
  readonly reported?: Ranges<(typeof reportedMembers)[number]> | undefined;
}

const reportedMembers = ["state", "jid"] as const;
const noFacts: EventFacts = {};

/** Answers at once for data of usual size, and works in slices for longer data. Throws or rejects with JsonError. */
export function checkEventData(type: EventType, data: Uint8Array): EventFacts | Promise<EventFacts> {
  if (type === "message.exchange") {
    const exchange = new Exchange(data);
    return afterwards(scan(data, exchange), () => ({ slot: exchange.slot }));
  }
  if (type === "instance.state") {
    const members = new Members(reportedMembers);
    return afterwards(scan(data, members), () => ({ reported: members.found }));
  }
  return data instanceof CheckedObject ? noFacts : afterwards(scan(data), () => noFacts);
}

/**
 * Finds the media object: `data.message.media`, or `data.media` in the flat layout. When both exist, raw media goes
 * into the first.
 */
class Exchange implements Watcher {
  readonly #data: Uint8Array;
  readonly #cuts: ByteRange[] = [];
  /** The media object that is being read, and the depth of its members. */
  #media: Media | undefined;
  #mediaDepth = 0;
  #nested: MediaSlot | undefined;
  #flat: MediaSlot | undefined;

  constructor(data: Uint8Array) {
    this.#data = data;
  }

  get slot(): MediaSlot | undefined {
    return this.#nested ?? this.#flat;
  }

  begin(cursor: Cursor, depth: number): boolean {
    if (depth === this.#mediaDepth) {
      this.#media?.begin(cursor);
      return false;
    }
    if (!cursor.isObject()) return false;
    if (depth === 1 && cursor.keyIs("message")) return true;
    if (!cursor.keyIs("media")) return false;
    this.#media = new Media(cursor.at + 1, this.#cuts);
    this.#mediaDepth = depth + 1;
    return true;
  }

  end(cursor: Cursor, depth: number): void {
    const media = this.#media;
    if (media === undefined) return;
    if (depth === this.#mediaDepth) media.end(cursor, this.#data);
    else {
      if (depth === 1) this.#flat = media.close();
      else this.#nested = media.close();
      this.#media = undefined;
      this.#mediaDepth = 0;
    }
  }
}

/** Reads a media object and adds to `cuts` the ranges that have to go together with its `base64` members. */
class Media {
  readonly #insertAt: number;
  readonly #cuts: ByteRange[];
  #inlineBytes = 0;
  #kept = false;
  #previousEnd: number;
  /**
   * Begin of a cut that has no kept member before it. Such a cut reaches to the next member and takes the comma with
   * it.
   */
  #leading: number | undefined;
  #isBase64 = false;
  #keyStart = 0;
  #valueStart = 0;

  constructor(insertAt: number, cuts: ByteRange[]) {
    this.#insertAt = insertAt;
    this.#previousEnd = insertAt;
    this.#cuts = cuts;
  }

  begin(cursor: Cursor): void {
    this.#cutLeading(cursor.keyStart);
    this.#isBase64 = cursor.keyIs("base64");
    this.#keyStart = cursor.keyStart;
    this.#valueStart = cursor.at;
  }

  end({ at }: Cursor, data: Uint8Array): void {
    if (!this.#isBase64) this.#kept = true;
    else {
      if (this.#cuts.length === cutsMax)
        throw new JsonError(`more than ${cutsMax} members named base64`, this.#keyStart);
      this.#inlineBytes = decodedBytes(data, this.#valueStart, at);
      if (this.#kept) this.#cuts.push({ start: this.#previousEnd, end: at });
      else this.#leading = this.#keyStart;
    }
    this.#previousEnd = at;
  }

  close(): MediaSlot {
    this.#cutLeading(this.#previousEnd);
    return {
      cuts: this.#cuts,
      inlineBytes: this.#inlineBytes,
      insertAt: this.#insertAt,
      hasOthers: this.#kept,
    };
  }

  #cutLeading(end: number): void {
    if (this.#leading !== undefined) this.#cuts.push({ start: this.#leading, end });
    this.#leading = undefined;
  }
}

/** Decoded size of the base64 string between the quotes. A value that is no string has size 0. */
function decodedBytes(data: Uint8Array, start: number, end: number): number {
  if (data[start] !== 0x22) return 0;
  let length = end - start - 2;
  for (let padding = 0; padding < 2 && length > 0 && data[start + length] === 0x3d; padding++) length--;
  return Math.floor((length * 3) / 4);
}
