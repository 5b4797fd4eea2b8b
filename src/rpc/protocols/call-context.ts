/**
 * The data about one request that our code and the Connect library share: the admission, the requests of a stream, and
 * whether the method was reached.
 */

import type { Message } from "@bufbuild/protobuf";
import { createContextKey, type HandlerContext } from "@connectrpc/connect";
import type { Admission } from "../api.js";
import type { Read } from "../streams/pipeline.js";

export interface CallContext {
  readonly admission: Admission;
  /** The requests of a stream that our code decodes. When they are present, the Connect library gets no messages. */
  readonly requests?: Read<Message> | undefined;
  /**
   * True once the method was called. While it is false, an answer comes from the Connect library and not from our
   * method.
   */
  reached: boolean;
}

export const callContextKey = createContextKey<CallContext | undefined>(undefined, { description: "call context" });

/** Returns the call context and marks the method as reached. Every method must call this function first. */
export function enter({ values }: HandlerContext): CallContext {
  const callContext = values.get(callContextKey);
  if (callContext === undefined) throw new Error("a handler was called without its call context");
  callContext.reached = true;
  return callContext;
}
