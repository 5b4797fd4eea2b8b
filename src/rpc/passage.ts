/** How a request gets through the Connect library: what was decided before, and whether the method was reached. */

import { createContextKey, type HandlerContext } from "@connectrpc/connect";
import type { Admission } from "./api.js";

export interface Passage {
  readonly admission: Admission;
  /** Set when the method was called: what is answered then is our own answer. */
  reached: boolean;
}

export const passageKey = createContextKey<Passage | undefined>(undefined, { description: "passage" });

/** The first thing that every method does. */
export function enter({ values }: HandlerContext): Admission {
  const passage = values.get(passageKey);
  if (passage === undefined) throw new Error("a handler was called without a passage");
  passage.reached = true;
  return passage.admission;
}
