/** The JSON that is written by hand is the JSON that the library writes. */

import { create, type DescMessage, type Message, toJson } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, it } from "vitest";
import { PublishEventResponseSchema } from "../../gen/eventwire/v1/event_service_pb.js";
import { CheckHealthResponseSchema } from "../../gen/eventwire/v1/health_service_pb.js";
import { DeleteInstanceResponseSchema } from "../../gen/eventwire/v1/instance_service_pb.js";
import { compileAnswerJson } from "../../src/rpc/protocols/answer-json.js";

function expectSame(desc: DescMessage, message: Message): void {
  const wanted = JSON.stringify(toJson(desc, message, { alwaysEmitImplicit: true }));
  expect(compileAnswerJson(desc)(message)).toBe(wanted);
}

it("of an answer with plain members alone", () => {
  const answer = fc.record(
    {
      success: fc.boolean(),
      message: fc.string({ unit: "grapheme" }),
      id: fc.string({ unit: "grapheme" }),
      otherNodesReached: fc.boolean(),
      sockets: fc.nat(2 ** 32 - 1),
      position: fc.string({ unit: "grapheme" }),
      webhooks: fc.nat(2 ** 32 - 1),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(answer, (init) => expectSame(PublishEventResponseSchema, create(PublishEventResponseSchema, init))),
  );
});

it("of every other answer", () => {
  const deleted = { success: true, message: "Instance deleted", instance: { status: "deleted" } };
  expectSame(DeleteInstanceResponseSchema, create(DeleteInstanceResponseSchema, deleted));
  const health = { status: "ok", uptime: 7, timestamp: { seconds: 5n, nanos: 0 }, checks: { db: "ok" } };
  expectSame(CheckHealthResponseSchema, create(CheckHealthResponseSchema, health));
});
