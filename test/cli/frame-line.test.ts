/** Frames as people read them on a terminal. */

import { expect, it } from "vitest";
import { frameLine } from "../../src/cli/frame-line.js";
import type { Frame } from "../../src/client/browser.js";
import { closingFrame, eventFrame, helloFrame, time } from "../support/foreign-gateway.js";

const line = (frame: object, text = JSON.stringify(frame)): string => frameLine(frame as Frame, () => text, false);

it("an event shows its time, its type, its instance, and its data as published", () => {
  const text = JSON.stringify(eventFrame(1)).replace('{"n":1}', '{"n": 12345678901234567890}');
  expect(line(JSON.parse(text), text)).toBe('13:20:00.000Z  message.exchange  desk-1  {"n": 12345678901234567890}');
});

it.each([
  [helloFrame(), "13:20:00.000Z  hello  desk-1: message.exchange"],
  [helloFrame({ instance: "" }), "13:20:00.000Z  hello  all instances: message.exchange"],
  [{ control: "position", position: null, time }, "13:20:00.000Z  position  nothing happened"],
  [
    { control: "gap", reason: "bus_lost", from: "A", until: "B", missed: 2, instance: "desk-1" },
    "gap  2 events may be missing of desk-1, A to B: bus_lost",
  ],
  [
    {
      control: "config_changed",
      instance: "desk-1",
      enabled: false,
      filter: { events: ["call.update"], mediaBase64: true },
      configurationVersion: 2,
      change: "changed",
    },
    "config_changed  desk-1 changed, disabled, open connections stay: call.update, with media",
  ],
  [
    closingFrame(4008, "slow consumer", { waitingFrames: 257, waitingBytes: 90_000 }),
    "closing  4008 slow consumer, 257 frames (90000 bytes) were dropped",
  ],
  [{ control: "refused", status: 404, message: "Instance not found", rule: null }, "refused  404 Instance not found"],
  [{ control: "later", of: "a later release" }, 'later  {"control":"later","of":"a later release"}'],
])("%j", (frame, shown) => {
  expect(line(frame)).toContain(shown);
});

it("long data is cut, and nothing in a frame can control the terminal", () => {
  const long = line(eventFrame(1, { data: { text: "x".repeat(5_000) } }));
  expect(long).toContain("… (5011 characters)");
  expect(long.length).toBeLessThan(2_200);
  const wild = line(eventFrame(1, { event: "a\u001b[2Jb", data: { text: "\u009b2J\u202e" } }));
  expect(wild).not.toMatch(/[\p{Cc}\u202e]/u);
  expect(frameLine(eventFrame(1) as Frame, JSON.stringify, true)).toContain("\u001b[36mmessage.exchange\u001b[0m");
});
