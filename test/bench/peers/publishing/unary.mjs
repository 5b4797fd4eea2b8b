/** Publishes over PublishEvent: one gRPC call per event, all on one connection. */

import { connect } from "node:http2";
import { create, toBinary } from "@bufbuild/protobuf";
import { PublishEventRequestSchema } from "../../../../dist/gen/eventwire/v1/event_service_pb.js";
import { grpcHeaders, grpcMessage } from "./grpc.mjs";

export async function openUnary({ grpcPort, token }) {
  const session = connect(`http://127.0.0.1:${grpcPort}`);
  const headers = grpcHeaders("/eventwire.v1.EventService/PublishEvent", token);
  const one = (message) =>
    new Promise((resolve, reject) => {
      const call = session.request(headers);
      call.on("trailers", (trailers) => {
        if (trailers["grpc-status"] !== "0") reject(new Error(`grpc-status ${trailers["grpc-status"]}`));
      });
      call.on("error", reject).on("end", resolve).resume().end(message);
    });
  return {
    prepare: (events) =>
      events.map((event) => grpcMessage(toBinary(PublishEventRequestSchema, create(PublishEventRequestSchema, event)))),
    send: (messages) => Promise.all(messages.map(one)),
  };
}
