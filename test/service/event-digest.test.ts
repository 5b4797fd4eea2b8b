/** What counts as the same event, and as the same key, when a producer sends an event again. */

import { expect, it } from "vitest";
import { digestEvent, digestKey } from "../../src/service/event-digest.js";
import type { EventInput } from "../../src/service/publishing.js";

const event: EventInput = { event: "call.update", data: Buffer.from('{"n":1}') };
const instance = { accountId: "a", id: "i", name: "desk", token: "ti" };

it.each<[string, Partial<EventInput>]>([
  ["another type", { event: "label.update" }],
  ["other data", { data: Buffer.from('{"n":2}') }],
  ["the same data with white space", { data: Buffer.from('{"n": 1}') }],
  ["media", { media: Buffer.from("m") }],
  ["a time", { occurredAt: 0 }],
])("tells an event from one with %s", (_, other) => {
  expect(digestEvent({ ...event, ...other })).not.toBe(digestEvent(event));
});

it("tells events apart whose data and media are the same bytes together", () => {
  const cut = (at: number): EventInput => {
    const bytes = Buffer.from('{"n":1}media');
    return { ...event, data: bytes.subarray(0, at), media: bytes.subarray(at) };
  };
  expect(digestEvent(cut(7))).not.toBe(digestEvent(cut(8)));
});

it("makes the digest of a large event in slices, and of all of its bytes", async () => {
  const large = (byte: number): EventInput => {
    const media = Buffer.alloc(1_000_000, "m");
    media[media.length - 1] = byte;
    return { ...event, media };
  };
  const digests = [large(1), large(1), large(2)].map((input) => digestEvent(input));
  expect(digests.every((digest) => digest instanceof Promise)).toBe(true);
  const [first, same, other] = await Promise.all(digests);
  expect(first).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  expect(same).toBe(first);
  expect(other).not.toBe(first);
});

it("tells the same key of two instances apart", () => {
  expect(digestKey({ ...instance, id: "j" }, "key")).not.toBe(digestKey(instance, "key"));
  expect(digestKey({ ...instance, accountId: "b" }, "key")).not.toBe(digestKey(instance, "key"));
  expect(digestKey({ ...instance, name: "renamed" }, "key")).toBe(digestKey(instance, "key"));
});
