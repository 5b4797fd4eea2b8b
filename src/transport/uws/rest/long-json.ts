/**
 * Writes the JSON of a long answer in pieces. All pieces together are the same text as one `JSON.stringify` of the
 * whole answer.
 */

import { type DescMessage, type Message, toJson } from "@bufbuild/protobuf";
import type { LongAnswer } from "../../../rpc/methods/long-answer.js";

/** Yields the JSON text of an answer in pieces. The list of the answer must be its last member. */
export async function* longJson(output: DescMessage, { begin, list, rest }: LongAnswer): AsyncGenerator<string> {
  const field = output.field[list];
  if (field?.message === undefined) throw new Error(`${output.typeName}.${list} is no list of messages`);
  const item = field.message;
  const text = jsonText(output, begin);
  const end = "]}";
  if (!text.endsWith(end)) throw new Error(`${output.typeName}.${list} is not the last member`);
  yield text.slice(0, -end.length);
  // Every item gets a comma before it, because the first piece already has items.
  for await (const items of rest) yield items.map((message) => `,${jsonText(item, message)}`).join("");
  yield end;
}

function jsonText(desc: DescMessage, message: Message): string {
  return JSON.stringify(toJson(desc, message, { alwaysEmitImplicit: true }));
}
