/** EventService: one event per call; the stream of batches is `event-stream.ts`. */

import { create } from "@bufbuild/protobuf";
import {
  EventService,
  type PublishEventRequest,
  PublishEventResponseSchema,
} from "../../gen/eventwire/v1/event_service_pb.js";
import { AppError } from "../domain/errors.js";
import type { EventInput, Publishing } from "../service/publishing.js";
import { entryMethod, type Method } from "./method.js";

/** Frozen, so that a face may encode it once. */
const published = Object.freeze(create(PublishEventResponseSchema, { success: true, message: "Event published" }));
const publishedHere = Object.freeze(create(PublishEventResponseSchema, { ...published, otherNodesReached: false }));

export function createEventMethods({ publishing }: { publishing: Publishing }): Method[] {
  return [
    entryMethod(EventService.method.publishEvent, (request, entry) => {
      // Before: a socket that this event ends has had it in its filter.
      const sockets = request.receipt ? publishing.takers(entry, request.event) : undefined;
      publishing.publishTo(entry, toEventInput(request));
      const answer = (reached: boolean) => {
        const plain = reached ? published : publishedHere;
        return sockets === undefined ? plain : { ...plain, sockets };
      };
      return publishing.reached()?.then(answer) ?? answer(true);
    }),
  ];
}

/** Publishing checks the rest. Throws AppError INVALID_REQUEST_BODY. */
export function toEventInput({ event, payload, media }: PublishEventRequest): EventInput {
  return { event, data: jsonBytes(payload), media: media.length > 0 ? media : undefined };
}

function jsonBytes(payload: PublishEventRequest["payload"]): Uint8Array {
  if (payload.case === "dataJson") return payload.value;
  if (payload.case === undefined)
    throw new AppError("INVALID_REQUEST_BODY", { field: "data", rule: "value is required" });
  return Buffer.from(JSON.stringify(payload.value, refuseNonFinite));
}

/** A Struct's number can be NaN or infinite. JSON has neither, and `null` would be another value. */
function refuseNonFinite(_: string, value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value))
    throw new AppError("INVALID_REQUEST_BODY", {
      field: "data",
      rule: "must have finite numbers only, as JSON has no others",
    });
  return value;
}
