/** The formats of the frames of a Subscribe stream: one for each form that a caller's messages can have. */

import type { EventFormatOptions, Frame, FrameFormat } from "../../delivery/frames/frame.js";
import type { MessageForm } from "../../rpc/streams/frame-streams.js";
import { controlMessage } from "./control-message.js";
import { eventJsonMessageBuilder } from "./event-json-message.js";
import { eventMessageBuilder } from "./event-message.js";

/**
 * Callers with the same form share a format, and so the frames of a stream: a message in its envelope is the same bytes in
 * gRPC, Connect and gRPC-Web.
 */
export function createFrameFormats(options: EventFormatOptions): (form: MessageForm) => FrameFormat {
  const binary: FrameFormat = {
    builderFor: (instance) => eventMessageBuilder(instance, options),
    controlFrame: (control) => controlMessage(control, false),
  };
  const json: FrameFormat = {
    builderFor: (instance) => eventJsonMessageBuilder(instance, options),
    controlFrame: (control) => controlMessage(control, true),
  };
  const texts = { binary: textOf(binary), json: textOf(json) };
  return (form) => (form.text ? texts : { binary, json })[form.json ? "json" : "binary"];
}

/** The text form of gRPC-Web: each frame in base64 with padding of its own, so that frames stand one after the other. */
function textOf(format: FrameFormat): FrameFormat {
  const { builderFor, controlFrame } = format;
  return {
    builderFor(instance) {
      const build = builderFor(instance);
      return (event, media, position) => toText(build(event, media, position));
    },
    ...(controlFrame && { controlFrame: (control) => toText(controlFrame(control)) }),
  };
}

function toText(frame: Frame): Frame {
  return Buffer.from(frame.toString("base64"), "latin1");
}
