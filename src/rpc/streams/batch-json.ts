/**
 * Decodes a batch of events from JSON. The events are found in the text and decoded one by one, without parsing them
 * into objects.
 */

import { create, type Message } from "@bufbuild/protobuf";
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
import { Members, type Range, scan } from "../../json/scan.js";
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
    const { sequence, events } = batch;
    const message = sequence === undefined ? create(schema) : readSequence(text, sequence);
    for (const { start, end } of events)
      message.events.push((await decodeEvent(text.subarray(start, end))) as PublishEventRequest);
    return message;
  };
}

function readSequence(text: Buffer, { start, end }: Range): PublishEventsRequest {
  if (end - start > parsedBytesMax)
    throw new AppError("INVALID_REQUEST_BODY", { field: "sequence", rule: "must be a number" });
  const sequence = JSON.parse(text.toString("utf8", start, end));
  return decodeJson(schema, { sequence }) as PublishEventsRequest;
}

/**
 * A watcher that finds the events and the sequence number of a batch. When a member stands twice, the later one counts.
 */
class Batch implements Watcher {
  readonly #text: Buffer;
  readonly #members = new Members(["sequence"]);
  #start = 0;
  #isEvents = false;
  events: Range[] = [];

  constructor(text: Buffer) {
    this.#text = text;
  }

  get sequence(): Range | undefined {
    return this.#members.found.sequence;
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
