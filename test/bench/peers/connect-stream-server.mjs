/** What a service with the Connect library alone would do: one generator for each consumer, over the same messages. */

import { createServer } from "node:http2";
import { create } from "@bufbuild/protobuf";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { EventFrame_InstanceDataSchema, EventFrameSchema } from "../../../dist/gen/eventwire/v1/frame_pb.js";
import {
  SubscribeResponseSchema,
  SubscriptionService,
} from "../../../dist/gen/eventwire/v1/subscription_service_pb.js";
import { createIdMint, idText } from "../../../dist/src/domain/event-id.js";
import { announce, asked, startControl } from "./control.mjs";
import { baseUrl, createPayloads, instanceName } from "./payload.mjs";

const shape = asked();
const payloads = createPayloads(shape);
/** The consumers of each instance. */
const consumers = new Map();

async function* subscribe({ instance }, { signal }) {
  const queue = [];
  let wake = () => {};
  const consumer = (message) => {
    queue.push(message);
    wake();
  };
  const own = consumers.get(instance) ?? new Set();
  consumers.set(instance, own.add(consumer));
  signal.addEventListener("abort", () => wake());
  try {
    // The library sends no headers before the first message.
    yield create(SubscribeResponseSchema, { frame: { case: "position", value: { control: "position" } } });
    while (!signal.aborted) {
      while (queue.length > 0) yield queue.shift();
      await new Promise((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    own.delete(consumer);
  }
}

const server = createServer(
  connectNodeAdapter({ routes: (router) => void router.rpc(SubscriptionService.method.subscribe, subscribe) }),
);
server.listen(0, "127.0.0.1", async () => {
  const mint = createIdMint();
  const control = await startControl({
    publish(record) {
      const instance = instanceName(record.readUInt32LE(0));
      const time = Date.now();
      const value = create(EventFrameSchema, {
        event: payloads.typeOf(record),
        id: idText(mint(time)),
        time: new Date(time).toISOString(),
        payload: { case: "dataJson", value: payloads.data(record) },
        instanceData: create(EventFrame_InstanceDataSchema, { baseUrl, instance }),
      });
      const message = create(SubscribeResponseSchema, { frame: { case: "event", value } });
      for (const consumer of consumers.get(instance) ?? []) consumer(message);
    },
  });
  announce({ port: server.address().port, control });
});
