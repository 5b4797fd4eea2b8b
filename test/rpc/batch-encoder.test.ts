/** Answers to batches as gRPC messages: what is written by hand must be what the library writes. */

import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { PublishEventsResponseSchema } from "../../gen/eventwire/v1/event_service_pb.js";
import { frame } from "../../src/rpc/protocols/grpc-frames.js";
import { encodeAnswers } from "../../src/rpc/streams/batch-encoder.js";

type Answer = MessageInitShape<typeof PublishEventsResponseSchema>;
const id = "0198f0a2-b3c4-7d5e-8f60-718293a4b5c6";
const refusal = { index: 3, reason: "INSTANCE_NOT_FOUND", message: "Instance not found" };

const single: [string, Answer][] = [
  ["nothing", {}],
  ["a sequence", { sequence: 1n }],
  ["a count", { published: 1 }],
  ...[127n, 128n, 16_383n, 16_384n, 2n ** 31n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 64n - 1n].map(
    (sequence): [string, Answer] => [`the sequence ${sequence}`, { sequence, published: 1024 }],
  ),
  ["a refusal", { sequence: 7n, published: 3, refusals: [refusal] }],
  [
    "receipts",
    { sequence: 7n, published: 3, receipts: [0, 127, 128, 2 ** 32 - 1].map((sockets) => ({ id, sockets })) },
  ],
  [
    "receipts with everything in it",
    {
      receipts: [
        { id, sockets: 2 ** 32 - 1, position: "p".repeat(64), webhooks: 2 ** 32 - 1 },
        { id, sockets: 0, position: "k3f9.1042.mrd0w1h7", webhooks: 0 },
        { id, position: "k3f9.1.0" },
      ],
    },
  ],
  ["an empty receipt beside a refusal", { sequence: 7n, refusals: [refusal], receipts: [{ id, sockets: 1 }, {}] }],
  ["that other nodes were not reached", { sequence: 7n, published: 3, otherNodesReached: false }],
];

function expected(answers: Answer[]): Buffer {
  return Buffer.concat(
    answers.map((answer) => frame(toBinary(PublishEventsResponseSchema, create(PublishEventsResponseSchema, answer)))),
  );
}

const encoded = (answers: Answer[]): Buffer =>
  encodeAnswers(answers.map((answer) => create(PublishEventsResponseSchema, answer)));

it.each(single)("writes %s as the library does", (_, answer) => {
  expect(encoded([answer])).toEqual(expected([answer]));
});

it("writes many in one piece, in order", () => {
  const plain = single.slice(0, 8).map(([, answer]) => answer);
  expect(encoded(plain)).toEqual(expected(plain));
  const mixed = single.map(([, answer]) => answer);
  expect(encoded(mixed)).toEqual(expected(mixed));
});
