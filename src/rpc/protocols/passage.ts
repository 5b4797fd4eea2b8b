/**
 * What our code and the Connect library must know of each other about one request: its admission, its requests, and
 * whether the method was reached.
 */

import type { Message } from "@bufbuild/protobuf";
import { createContextKey, type HandlerContext } from "@connectrpc/connect";
import type { Admission } from "../api.js";
import type { Read } from "../streams/pipeline.js";

export interface Passage {
  readonly admission: Admission;
  /** The requests of a stream that our code decodes. The library then gets no messages. */
  readonly requests?: Read<Message> | undefined;
  /** Set when the method was called. An answer after that is our own and not the library's. */
  reached: boolean;
}

export const passageKey = createContextKey<Passage | undefined>(undefined, { description: "passage" });

/** Every method must call this first. */
export function enter({ values }: HandlerContext): Passage {
  const passage = values.get(passageKey);
  if (passage === undefined) throw new Error("a handler was called without a passage");
  passage.reached = true;
  return passage;
}
