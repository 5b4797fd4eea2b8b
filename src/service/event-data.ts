/**
 * Checks the data of an event, unless its caller has checked it already, and finds the places in the data that
 * publishing needs.
 */

import type { ByteRange, MediaSlot } from "../bus/bus.js";
import type { EventType } from "../domain/event-type.js";
import { CheckedObject } from "../json/checked-object.js";
import type { Cursor, Watcher } from "../json/cursor.js";
import { JsonError } from "../json/json-error.js";
import { Members, type Ranges, scan } from "../json/scan.js";
import { afterwards } from "../json/slices.js";

/**
 * Most `base64` members in the media objects of an event; with more, the event is refused. A normal event has one, or
 * two when it fills both layouts. Each member costs an object here and in the frame.
 */
const cutsMax = 64;

/** The facts about an event's data that publishing needs. */
export interface EventFacts {
  /** The place of the media in the data. Present for a `message.exchange` that has a media object. */
  readonly slot?: MediaSlot | undefined;
  /** Where `state` and `jid` stand in the data, as far as the data has them. Present for an `instance.state`. */
  readonly reported?: Ranges<(typeof reportedMembers)[number]> | undefined;
}

const reportedMembers = ["state", "jid"] as const;
const noFacts: EventFacts = {};

/**
 * Checks that the data is a JSON object, and finds its facts. Data of the class `CheckedObject` has been checked, so it
 * is read again only for its facts. Returns at once for data of usual size, and a promise for longer data, which is
 * read in slices of 128 KiB. Throws or rejects with JsonError.
 */
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
 * Finds the media object of an event: `data.message.media`, or `data.media` in the flat layout. When the data has both,
 * the slot is that of `data.message.media`.
 */
class Exchange implements Watcher {
  readonly #data: Uint8Array;
  readonly #cuts: ByteRange[] = [];
  /** The media object that is being read now. `#mediaDepth` is the depth of the object's members. */
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

/**
 * Reads a media object. Adds to `cuts` the ranges of the data that a frame must leave out to be free of the object's
 * `base64` members.
 */
class Media {
  readonly #insertAt: number;
  readonly #cuts: ByteRange[];
  #inlineBytes = 0;
  #kept = false;
  #previousEnd: number;
  /**
   * Start of a cut before which the object keeps no member. Such a cut ends at the next member, and so removes the
   * comma between them.
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

/**
 * Decoded size in bytes of a base64 string in the data. `start` and `end` include the quotes. A value that is no string
 * has size 0.
 */
function decodedBytes(data: Uint8Array, start: number, end: number): number {
  if (data[start] !== 0x22) return 0;
  let length = end - start - 2;
  for (let padding = 0; padding < 2 && length > 0 && data[start + length] === 0x3d; padding++) length--;
  return Math.floor((length * 3) / 4);
}
