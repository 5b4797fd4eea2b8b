/**
 * What our code and the Connect library must know of each other about one request: its admission, its requests, and
 * whether the method was reached.
 */

import type { Message } from "@bufbuild/protobuf";
import { createContextKey, type HandlerContext } from "@connectrpc/connect";
import type { Admission } from "../api.js";
import type { Read } from "../streams/pipeline.js";

export interface CallContext {
  readonly admission: Admission;
  /** The requests of a stream that our code decodes. The library then gets no messages. */
  readonly requests?: Read<Message> | undefined;
  /** Set when the method was called. An answer after that is our own and not the library's. */
  reached: boolean;
}

export const callContextKey = createContextKey<CallContext | undefined>(undefined, { description: "call context" });

/** Every method must call this first. */
export function enter({ values }: HandlerContext): CallContext {
  const callContext = values.get(callContextKey);
  if (callContext === undefined) throw new Error("a handler was called without its call context");
  callContext.reached = true;
  return callContext;
}
