/**
 * The JSON of an answer that is too long for one piece. The text is the same as that of one `JSON.stringify` of the
 * whole answer.
 */

import { type DescMessage, type Message, toJson } from "@bufbuild/protobuf";
import type { LongAnswer } from "../../../rpc/methods/long-answer.js";

/** The list must be the last member of the answer. */
export async function* longJson(output: DescMessage, { begin, list, rest }: LongAnswer): AsyncGenerator<string> {
  const field = output.field[list];
  if (field?.message === undefined) throw new Error(`${output.typeName}.${list} is no list of messages`);
  const item = field.message;
  const text = jsonText(output, begin);
  const end = "]}";
  if (!text.endsWith(end)) throw new Error(`${output.typeName}.${list} is not the last member`);
  yield text.slice(0, -end.length);
  // The list has items already, because there is more than one piece.
  for await (const items of rest) yield items.map((message) => `,${jsonText(item, message)}`).join("");
  yield end;
}

function jsonText(desc: DescMessage, message: Message): string {
  return JSON.stringify(toJson(desc, message, { alwaysEmitImplicit: true }));
}
