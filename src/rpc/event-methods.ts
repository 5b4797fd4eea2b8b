/** EventService: one event per call; the stream of batches is `event-stream.ts`. */

import { create } from "@bufbuild/protobuf";
import {
  EventService,
  type PublishEventRequest,
  PublishEventResponseSchema,
} from "../../gen/eventwire/v1/event_service_pb.js";
import { AppError } from "../domain/errors.js";
import type { EventInput, Publishing } from "../service/publishing.js";
import { structOf } from "./batch-decoder.js";
import { checkingRequest, entryMethod, type Method } from "./method.js";
import { structToJson } from "./struct-json.js";

/** Frozen, so that a face may encode it once. */
const published = Object.freeze(create(PublishEventResponseSchema, { success: true, message: "Event published" }));
const publishedHere = Object.freeze(create(PublishEventResponseSchema, { ...published, otherNodesReached: false }));

export function createEventMethods({ publishing }: { publishing: Publishing }): Method[] {
  const publishEvent = entryMethod(EventService.method.publishEvent, (request, entry) => {
    // Before: a socket that this event ends has had it in its filter.
    const sockets = request.receipt ? publishing.takers(entry, request.event) : undefined;
    const done = publishing.publishTo(entry, toEventInput(request));
    const answer = (reached: boolean) => {
      const plain = reached ? published : publishedHere;
      return sockets === undefined ? plain : { ...plain, sockets };
    };
    const reached = () => publishing.reached()?.then(answer) ?? answer(true);
    return done?.then(reached) ?? reached();
  });
  // Publishing checks an event's rules by hand, for the stream's sake; twice would be 5 % of a REST publish.
  return [checkingRequest(publishEvent)];
}

/** Publishing checks the rest. Throws AppError INVALID_REQUEST_BODY. */
export function toEventInput({ event, payload, media }: PublishEventRequest): EventInput {
  return { event, data: jsonBytes(payload), media: media.length > 0 ? media : undefined };
}

function jsonBytes(payload: PublishEventRequest["payload"]): Uint8Array {
  if (payload.case === "dataJson") return payload.value;
  const struct = structOf(payload);
  if (struct !== undefined) return structToJson(struct);
  throw new AppError("INVALID_REQUEST_BODY", { field: "data", rule: "value is required" });
}
