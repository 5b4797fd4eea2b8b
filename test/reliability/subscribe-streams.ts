/** Readers of Subscribe with clients of other makers, each on a connection of its own: gRPC with grpc-js, and Connect over HTTP/1.1. */

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import * as grpc from "@grpc/grpc-js";
import {
  type SubscribeRequest,
  SubscribeRequestSchema,
  type SubscribeResponse,
  SubscribeResponseSchema,
  SubscriptionService,
} from "../../gen/eventwire/v1/subscription_service_pb.js";
import type { Dial, Listener } from "./connections.js";

const path = "/eventwire.v1.SubscriptionService/Subscribe";
/** The begin of the data of an event, which has its numbers. */
const headBytes = 80;

const options = {
  "grpc.use_local_subchannel_pool": 1,
  "grpc.max_receive_message_length": -1,
  "grpc.enable_retries": 0,
};

export const dialGrpc: Dial = ({ process, token, instance, events, after }, listener) => {
  const client = new grpc.Client(new URL(process.grpcUrl).host, grpc.credentials.createInsecure(), options);
  const metadata = new grpc.Metadata();
  metadata.set("token", token);
  const call = client.makeServerStreamRequest(
    path,
    (request: SubscribeRequest) => Buffer.from(toBinary(SubscribeRequestSchema, request)),
    (bytes) => fromBinary(SubscribeResponseSchema, bytes),
    create(SubscribeRequestSchema, { instance, events: [...events], ...(after !== undefined && { after }) }),
    metadata,
  );
  call.on("data", (response: SubscribeResponse) => hear(response, listener));
  // The event `status` follows.
  call.on("error", () => {});
  call.on("status", ({ code, details }: grpc.StatusObject) => {
    client.close();
    listener.ended((grpc.status[code] as string).toLowerCase(), details);
  });
  return { pause: () => void call.pause(), resume: () => void call.resume(), cut: () => call.cancel() };
};

/** Dials the service port, and for all instances of the account the public port. */
export const dialConnect: Dial = ({ process, token, instance, events, after }, listener) => {
  const baseUrl = instance === "" ? process.url : process.grpcUrl;
  const client = createClient(SubscriptionService, createConnectTransport({ baseUrl, httpVersion: "1.1" }));
  const controller = new AbortController();
  let going = Promise.resolve();
  let resume = (): void => {};

  async function read(): Promise<void> {
    const call = { headers: { token }, signal: controller.signal };
    const request = { instance, events: [...events], ...(after !== undefined && { after }) };
    for await (const response of client.subscribe(request, call)) {
      hear(response, listener);
      await going;
    }
  }

  read().then(
    () => listener.ended("ok", ""),
    (error: unknown) => {
      const { code, rawMessage } = ConnectError.from(error);
      listener.ended(statusName(code), rawMessage);
    },
  );
  return {
    pause() {
      resume();
      going = new Promise((resolve) => (resume = resolve));
    },
    resume: () => resume(),
    cut: () => {
      controller.abort();
      resume();
    },
  };
};

function hear({ frame }: SubscribeResponse, listener: Listener): void {
  if (frame.case !== "event") {
    if (frame.value !== undefined) listener.control(frame.value);
    return;
  }
  const data = frame.value.payload.value as Uint8Array;
  const { position } = frame.value;
  listener.event(`"data":${Buffer.from(data.subarray(0, headBytes)).toString("latin1")}`, position);
}

/** `resource_exhausted` of `Code.ResourceExhausted`. */
function statusName(code: Code): string {
  return (Code[code] as string).replace(/\B[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
}
