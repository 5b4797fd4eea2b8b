/** How a request gets through the Connect library: what was decided before, and whether the method was reached. */

import type { Message } from "@bufbuild/protobuf";
import { createContextKey, type HandlerContext } from "@connectrpc/connect";
import type { Admission } from "./api.js";
import type { Read } from "./pipeline.js";

export interface Passage {
  readonly admission: Admission;
  /** The requests of a stream whose messages we decode; the library is given none then. */
  readonly requests?: Read<Message> | undefined;
  /** Set when the method was called: what is answered then is our own answer. */
  reached: boolean;
}

export const passageKey = createContextKey<Passage | undefined>(undefined, { description: "passage" });

/** The first thing that every method does. */
export function enter({ values }: HandlerContext): Passage {
  const passage = values.get(passageKey);
  if (passage === undefined) throw new Error("a handler was called without a passage");
  passage.reached = true;
  return passage;
}
