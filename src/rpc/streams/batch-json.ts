/**
 * Decodes a batch of events from JSON. The events are found in the text and decoded one by one, without parsing them
 * into objects.
 */

import type { JsonObject, Message } from "@bufbuild/protobuf";
import {
  type PublishEventRequest,
  PublishEventRequestSchema,
  type PublishEventsRequest,
  PublishEventsRequestSchema,
} from "../../../gen/eventwire/v1/event_service_pb.js";
import { AppError } from "../../domain/errors.js";
import { type Cursor, depthMax, type Watcher } from "../../json/cursor.js";
import { jsonRule } from "../../json/json-error.js";
import { parsedBytesMax } from "../../json/parsed-bytes.js";
import { Members, type Range, type Ranges, scan } from "../../json/scan.js";
import { decodeJson } from "../decoding/decode-message.js";
import { compileRawJson } from "../decoding/raw-json.js";
import { batchEventsMax, tooManyEvents } from "./batch-limit.js";

/**
 * Most levels in the JSON of a batch. The data of an event may have `depthMax` levels, and stands three levels below
 * the body.
 */
const batchLevelsMax = depthMax + 3;

const schema = PublishEventsRequestSchema;

/** Makes the function that decodes a batch from JSON. This function rejects with AppError. */
export function createBatchJson(): (text: Buffer) => Promise<Message> {
  const decodeEvent = compileRawJson(PublishEventRequestSchema);
  return async (text) => {
    const batch = new Batch(text);
    try {
      await scan(text, batch, batchLevelsMax);
    } catch (cause) {
      if (cause instanceof AppError) throw cause;
      throw new AppError("INVALID_REQUEST_BODY", { cause, rule: `body ${jsonRule(cause)}` });
    }
    const message = readMembers(text, batch.members);
    for (const { start, end } of batch.events)
      message.events.push((await decodeEvent(text.subarray(start, end))) as PublishEventRequest);
    return message;
  };
}

/** By member of a batch, except its events: the rule in the refusal of a value that is too long to be parsed. */
const memberRules = { sequence: "must be a number", receipt: "must be a boolean" };
type MemberName = keyof typeof memberRules;
const memberNames = Object.keys(memberRules) as MemberName[];

/** Makes a batch without events from its other members. */
function readMembers(text: Buffer, members: Ranges<MemberName>): PublishEventsRequest {
  const json: JsonObject = {};
  for (const name of memberNames) {
    const range = members[name];
    if (range === undefined) continue;
    if (range.end - range.start > parsedBytesMax)
      throw new AppError("INVALID_REQUEST_BODY", { field: name, rule: memberRules[name] });
    json[name] = JSON.parse(text.toString("utf8", range.start, range.end));
  }
  return decodeJson(schema, json) as PublishEventsRequest;
}

/**
 * A watcher that finds the events and the other members of a batch. When a member stands twice, the later one counts.
 */
class Batch implements Watcher {
  readonly #text: Buffer;
  readonly #members = new Members(memberNames);
  #start = 0;
  #isEvents = false;
  events: Range[] = [];

  constructor(text: Buffer) {
    this.#text = text;
  }

  get members(): Ranges<MemberName> {
    return this.#members.found;
  }

  begin(cursor: Cursor, depth: number): boolean {
    if (depth > 1) {
      if (this.events.length === batchEventsMax) throw tooManyEvents();
      if (!cursor.isObject()) throw noList();
      this.#start = cursor.at;
      return false;
    }
    this.#members.begin(cursor);
    this.#isEvents = cursor.keyIs("events");
    if (!this.#isEvents) return false;
    this.events = [];
    const first = this.#text[cursor.at];
    if (first !== openBracket && first !== nullStart) throw noList();
    return true;
  }

  end(cursor: Cursor, depth: number): void {
    if (depth > 1) this.events.push({ start: this.#start, end: cursor.at });
    else this.#members.end(cursor);
  }
}

const openBracket = 0x5b;
const nullStart = 0x6e;

function noList(): AppError {
  return new AppError("INVALID_REQUEST_BODY", { field: "events", rule: "must be a list of JSON objects" });
}
