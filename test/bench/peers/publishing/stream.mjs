/** Publishes over PublishEvents: batches on one gRPC stream. Plain node:http2, so that the client costs little. */

import { connect } from "node:http2";
import { create, toBinary } from "@bufbuild/protobuf";
import { PublishEventsRequestSchema } from "../../../../dist/gen/eventwire/v1/event_service_pb.js";
import { grpcHeaders, grpcMessage } from "./grpc.mjs";

export async function openStream({ grpcPort, token }) {
  const session = connect(`http://127.0.0.1:${grpcPort}`);
  const stream = session.request(grpcHeaders("/eventwire.v1.EventService/PublishEvents", token));
  /** @type {(() => void)[]} */
  const waiting = [];
  let rest = Buffer.alloc(0);
  stream.on("data", (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
      rest = rest.subarray(5 + rest.readUInt32BE(1));
      waiting.shift()?.();
    }
  });
  for (const source of [session, stream]) source.on("error", fail);
  stream.on("end", () => fail(new Error("the server ended the stream")));
  return {
    prepare: (events) =>
      grpcMessage(toBinary(PublishEventsRequestSchema, create(PublishEventsRequestSchema, { events }))),
    send(message) {
      stream.write(message);
      return new Promise((resolve) => waiting.push(resolve));
    },
    close() {
      for (const source of [session, stream]) source.removeAllListeners("end").removeAllListeners("error");
      for (const source of [session, stream]) source.on("error", () => {});
      session.destroy();
    },
  };
}

function fail(error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
