/** What the gateway understands of the messages of clients. */

import { describe, expect, it } from "vitest";
import { eventTypeBit, eventTypeRule } from "../../src/domain/event-type.js";
import { allTypes } from "../../src/domain/filter.js";
import { Misunderstood, readClientMessage } from "../../src/transport/uws/client-message.js";

function read(text: string, isBinary = false) {
  const bytes = new Uint8Array(Buffer.from(text));
  return readClientMessage(bytes.buffer, isBinary);
}

const [call, label] = ["call.update", "label.update"].map((type) => eventTypeBit.get(type) as number) as [
  number,
  number,
];

describe("a message of a client", () => {
  it.each([
    ['{"control":"ping"}', { control: "ping" }],
    [' {"control":"ping","events":[1],"since":{"a":null}} ', { control: "ping" }],
    ['{"control":"narrow","events":["call.update"]}', { control: "narrow", types: call }],
    [
      '{"events":["label.update","call.update","label.update"],"control":"narrow"}',
      { control: "narrow", types: call | label },
    ],
    ['{"control":"narrow","events":[]}', { control: "narrow", types: allTypes }],
    ['{"control":"narrow","events":null}', { control: "narrow", types: allTypes }],
    ['{"control":"narrow"}', { control: "narrow", types: allTypes }],
  ])("is understood: %s", (text, message) => {
    expect(read(text)).toEqual(message);
  });

  const noObject = "a message must be a JSON object as text";
  const noControl = "control must be in list [narrow, ping]";
  it.each([
    ["", noObject],
    ["ping", noObject],
    ["null", noObject],
    ['["ping"]', noObject],
    ['"ping"', noObject],
    ['{"control":"ping"', noObject],
    ["[".repeat(4096), noObject],
    ["{}", noControl],
    ['{"control":"Ping"}', noControl],
    ['{"control":["ping"]}', noControl],
    ['{"control":"hello"}', noControl],
    ['{"control":"narrow","events":"call.update"}', "events must be a list of event types"],
    ['{"control":"narrow","events":{"0":"call.update"}}', "events must be a list of event types"],
    ['{"control":"narrow","events":["call.update","Call.Update"]}', `events[1] ${eventTypeRule}`],
    ['{"control":"narrow","events":[null]}', `events[0] ${eventTypeRule}`],
    ['{"control":"narrow","events":["toString"]}', `events[0] ${eventTypeRule}`],
    [`{"control":"narrow","events":[${Array(65).fill('"call.update"')}]}`, "events must have at most 64 items"],
  ])("is not understood, and told how to be: %s", (text, rule) => {
    expect(read(text)).toEqual(new Misunderstood(rule));
  });

  it("is text", () => {
    expect(read('{"control":"ping"}', true)).toEqual(new Misunderstood(noObject));
  });
});
