/** What a batch says of an event that it did not publish: why, which field, which rule. */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { EventService, type PublishEventRequestSchema } from "../../gen/eventwire/v1/event_service_pb.js";
import { eventTypeRule } from "../../src/domain/event-type.js";
import { type ServiceNode, startServiceNode } from "../support/service-node.js";

type EventInit = MessageInitShape<typeof PublishEventRequestSchema>;

let node: ServiceNode;
beforeAll(async () => {
  node = await startServiceNode({ publishMaxBytes: 1024 });
  await node.createInstance("desk");
});
afterAll(() => node.close());

const json = (text: string) => ({ case: "dataJson" as const, value: Buffer.from(text) as Uint8Array });

it.each<[string, EventInit, string, string, string]>([
  [
    "data that is no JSON",
    { event: "call.update", payload: json("{") },
    "INVALID_REQUEST_BODY",
    "data_json",
    "must be a JSON object: the text ends too early at byte 1",
  ],
  ["no data", { event: "call.update" }, "INVALID_REQUEST_BODY", "data", "value is required"],
  ["another type", { event: "secret", payload: json("{}") }, "INVALID_REQUEST_BODY", "event", eventTypeRule],
  [
    "an event over the limit",
    { event: "call.update", payload: json(`{"t":"${"x".repeat(1024)}"}`) },
    "EVENT_TOO_LARGE",
    "",
    "data and media must be at most 1024 bytes together",
  ],
  [
    "another instance",
    { event: "call.update", payload: json("{}"), instance: "elsewhere" },
    "INSTANCE_NOT_FOUND",
    "",
    "",
  ],
])("explains %s", async (_, event, reason, field, rule) => {
  const client = createClient(EventService, createGrpcTransport({ baseUrl: node.url }));
  const batches = async function* () {
    yield { events: [{ instance: "desk", ...event } as EventInit] };
  };
  for await (const { refusals } of client.publishEvents(batches(), { headers: { token: node.token } }))
    expect(refusals).toMatchObject([{ index: 0, reason, field, rule }]);
  expect.assertions(1);
});
