/** Text of which no two stretches are alike, so that a byte that is lost, doubled or out of place is seen. */

import { Random } from "./random.js";

const lengthMax = 4 * 1024 * 1024;
const random = new Random(1);
const text = Buffer.from(Uint8Array.from({ length: lengthMax }, () => 97 + random.below(26)));

/** Another for each `n`. */
export function padding(n: number, length: number): Buffer {
  const from = (n * 7_919) % 1_000_000;
  return text.subarray(from, from + length);
}
