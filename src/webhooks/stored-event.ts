/** Turns an accepted event into the form in which it is stored, and back into what a frame needs. */

import type { Event, MediaSlot } from "../bus/bus.js";
import { editMedia } from "../delivery/frames/media.js";
import { join } from "../delivery/frames/parts.js";
import type { FrameContent } from "../delivery/frames/splice.js";
import { idText } from "../domain/event-id.js";
import type { Append, Appended, QueuedEvent, StoredEvent, WaitingDelivery } from "../store/webhook-queue.js";
import { packMedia, unpackMedia } from "./stored-media.js";

/**
 * Makes the stored form of an event. Without `mediaWanted` no webhook gets the media, so it is not stored. Media above
 * `mediaMaxBytes` is not stored either, because no frame carries it.
 */
export function toStored(event: Event, mediaWanted: boolean, mediaMaxBytes: number): StoredEvent {
  const { id, instanceId, type, time, data, slot, media } = event;
  const plain = { id: idText(id), instanceId, type, time, data, media: undefined, mediaAt: undefined, slot: undefined };
  if (slot === undefined) return plain;
  if (!mediaWanted || (media?.length ?? slot.inlineBytes) > mediaMaxBytes)
    return { ...plain, data: join(editMedia(data, slot, undefined)) };
  const packed = packMedia(event);
  return { ...plain, data: packed.data, media: packed.media, mediaAt: packed.at, slot: JSON.stringify(slot) };
}

/** What a plain frame needs of a stored event. */
export function fromStored({ type, data, media, mediaAt, slot }: QueuedEvent): FrameContent {
  if (slot === undefined) return { type, data };
  return { type, ...unpackMedia({ data, slot: JSON.parse(slot) as MediaSlot, media, at: mediaAt }) };
}

/** The deliveries that an append has made, by webhook, in the order of their numbers. */
export function deliveriesOf(appends: readonly Append[], places: readonly Appended[]): Map<string, WaitingDelivery[]> {
  const made = new Map<string, WaitingDelivery[]>();
  const numbers = new Map(places.map(({ webhookId, before }) => [webhookId, before]));
  for (const { event, webhookIds } of appends) {
    const bytes = event.data.length + (event.media?.length ?? 0);
    const shared = webhookIds.length > 1;
    for (const webhookId of webhookIds) {
      const before = numbers.get(webhookId);
      if (before === undefined) continue;
      const number = before + 1;
      numbers.set(webhookId, number);
      const delivery = { webhookId, number, event, attempts: 0, firstAt: undefined, dueAt: 0, bytes, shared };
      const own = made.get(webhookId);
      if (own === undefined) made.set(webhookId, [delivery]);
      else own.push(delivery);
    }
  }
  return made;
}
