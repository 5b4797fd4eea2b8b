/** The frames between workers: whatever they are cut into on the way, they arrive as they were. */

import fc from "fast-check";
import { expect, it } from "vitest";
import {
  createFrameReader,
  eventFrame,
  frameKinds,
  numberFrame,
  readEvent,
  readNumber,
  textFrame,
} from "../../src/bus/mesh-frames.js";
import { eventOf } from "../support/bus-suite.js";

it("frames arrive whole and in order, however they are cut", () => {
  const frame = fc.oneof(
    fc.uuid().map((id) => textFrame(frameKinds.subscribe, id)),
    fc.nat().map((number) => numberFrame(frameKinds.ping, number)),
    fc.tuple(fc.uuid(), fc.nat()).map(([id, n]) => eventFrame(eventOf(id, n))),
  );
  fc.assert(
    fc.property(fc.array(frame), fc.array(fc.nat({ max: 200 })), (frames, cuts) => {
      const sent = Buffer.concat(frames);
      const read: [number, string][] = [];
      const reader = createFrameReader((kind, body) => read.push([kind, body.toString("latin1")]));
      let at = 0;
      for (const cut of cuts) {
        reader(sent.subarray(at, at + cut));
        at = Math.min(at + cut, sent.length);
      }
      reader(sent.subarray(at));
      expect(read).toEqual(frames.map((bytes) => [bytes.readUInt8(4), bytes.toString("latin1", 5)]));
    }),
  );
});

it("an event and a number are what they were", () => {
  const event = eventOf("00000000-0000-4000-8000-000000000001", 7);
  const { data, ...rest } = readEvent(eventFrame(event).subarray(5));
  expect(Buffer.from(data)).toEqual(event.data);
  expect(rest).toMatchObject({ instanceId: event.instanceId, type: event.type });
  expect(readNumber(numberFrame(frameKinds.pong, 2 ** 40 + 1).subarray(5))).toBe(2 ** 40 + 1);
});
