/** Encodes a control frame as a SubscribeResponse. These frames are rare, so the library does it. */

import { fromJson, type JsonValue, toBinary, toJson } from "@bufbuild/protobuf";
import { type SubscribeResponse, SubscribeResponseSchema } from "../../../gen/eventwire/v1/subscription_service_pb.js";
import type { ControlFrame } from "../../../gen/frames.js";
import { frame } from "../../rpc/protocols/grpc-frames.js";

/** The field of SubscribeResponse for each kind. The other kinds answer messages of the client, and a stream gets none. */
const members = {
  hello: "hello",
  config_changed: "configChanged",
  gap: "gap",
  position: "position",
  closing: "closing",
} as const satisfies Partial<Record<ControlFrame["control"], NonNullable<SubscribeResponse["frame"]["case"]>>>;

/** The prefix of a message and the message, in JSON or in binary form. */
export function controlMessage(control: ControlFrame, json: boolean): Buffer {
  const member: string | undefined = (members as Partial<Record<ControlFrame["control"], string>>)[control.control];
  if (member === undefined) throw new Error(`a stream has no frame of the kind ${control.control}`);
  const message = fromJson(SubscribeResponseSchema, { [member]: control as unknown as JsonValue });
  if (!json) return frame(toBinary(SubscribeResponseSchema, message));
  return frame(Buffer.from(JSON.stringify(toJson(SubscribeResponseSchema, message, { alwaysEmitImplicit: true }))));
}
