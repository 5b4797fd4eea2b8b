/** The unary method of EventService, which publishes one event. The stream of batches is in `event-stream.ts`. */

import {
  EventService,
  type PublishEventRequest,
  type PublishEventResponse,
} from "../../../gen/eventwire/v1/event_service_pb.js";
import type { Entry } from "../../directory/directory.js";
import { AppError } from "../../domain/errors.js";
import { type EventId, idText } from "../../domain/event-id.js";
import type { KeyedPublishing } from "../../service/keyed-publishing.js";
import type { EventInput, Publishing, Reached } from "../../service/publishing.js";
import type { EventReceipt } from "../../service/sinks.js";
import { structToJson } from "../decoding/struct-json.js";
import { millisecondsOf } from "../decoding/timestamp.js";
import { structOf } from "../streams/batch-decoder.js";
import { checkingRequest, entryMethod, type Method } from "./method.js";

export function createEventMethods(options: { publishing: Publishing; keyed: KeyedPublishing }): Method[] {
  const { publishing, keyed } = options;

  async function publishOnce(request: PublishEventRequest, entry: Entry, key: string): Promise<PublishEventResponse> {
    const held = await keyed.hold(entry, toEventInput(request), key);
    const { id, otherNodesReached, sockets, position, webhooks } = await held.publish();
    const receipt = request.receipt ? { position, webhooks } : { position };
    return answerOf(id, request.receipt ? sockets : undefined, receipt, { otherNodes: otherNodesReached });
  }

  const publishEvent = entryMethod(EventService.method.publishEvent, (request, entry) => {
    if (request.idempotencyKey !== undefined) return publishOnce(request, entry, request.idempotencyKey);
    // The sockets are counted before publishing, because a socket that this event closes still took the event.
    const sockets = request.receipt ? publishing.takers(entry, request.event) : undefined;
    const mark = publishing.mark();
    const receipt: EventReceipt = {};
    const published = publishing.publishTo(entry, toEventInput(request), receipt);
    const tell = (id: EventId, reached?: Reached) => {
      if (!request.receipt || reached?.webhooks === false) receipt.webhooks = undefined;
      return answerOf(idText(id), sockets, receipt, reached);
    };
    const answer = (id: EventId) => publishing.reached(mark)?.then((reached) => tell(id, reached)) ?? tell(id);
    return published instanceof Promise ? published.then(answer) : answer(published);
  });
  // Publishing checks the rules of an event itself, because the stream of batches needs that. So the API does not check them
  // before this method: a second check would cost 5 % of a REST publish.
  return [checkingRequest(publishEvent)];
}

function answerOf(
  id: string,
  sockets: number | undefined,
  { position, webhooks }: EventReceipt,
  reached?: Partial<Reached>,
): PublishEventResponse {
  return {
    $typeName: "eventwire.v1.PublishEventResponse",
    success: true,
    message: "Event published",
    ...(reached?.otherNodes === false && { otherNodesReached: false }),
    ...(sockets !== undefined && { sockets }),
    id,
    ...(position !== undefined && { position }),
    ...(webhooks !== undefined && { webhooks }),
    ...(reached?.webhooks === false && { webhooksStored: false }),
  };
}

/**
 * Makes the input of publishing from a request. Checks only the payload and `occurred_at`, because publishing checks
 * the rest. Throws AppError INVALID_REQUEST_BODY.
 */
export function toEventInput({ event, payload, media, occurredAt }: PublishEventRequest): EventInput {
  return {
    event,
    data: jsonBytes(payload),
    media: media.length > 0 ? media : undefined,
    occurredAt: occurredAt && millisecondsOf(occurredAt, "occurredAt"),
  };
}

function jsonBytes(payload: PublishEventRequest["payload"]): Uint8Array {
  if (payload.case === "dataJson") return payload.value;
  const struct = structOf(payload);
  if (struct !== undefined) return structToJson(struct);
  throw new AppError("INVALID_REQUEST_BODY", { field: "data", rule: "value is required" });
}
