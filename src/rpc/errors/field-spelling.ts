/**
 * Spells the name of a wrong field as the caller's protocol does. Inside the program, an error names a field as the
 * JSON of REST does.
 */

import { type DescField, type DescMessage, getOption, hasOption, isFieldSet, type Message } from "@bufbuild/protobuf";
import { raw_json_of } from "../../../gen/eventwire/v1/policy_pb.js";

/**
 * Spells the name of a wrong field for the client. `message` is the message with that field, if it could be decoded.
 * With `json` the result is the JSON name, otherwise the name in the proto file.
 */
export type SpellField = (field: string | undefined, message: Message | undefined, json: boolean) => string | undefined;

export function compileSpelling(input: DescMessage): SpellField {
  const raw: readonly (readonly [member: string, field: DescField])[] = input.fields
    .filter((field) => hasOption(field, raw_json_of))
    .map((field) => [getOption(field, raw_json_of), field]);
  return (field, message, json) => {
    // Over REST the field `dataJson` takes the text of the member `data`. In the other protocols `dataJson` is a field
    // of its own. So an error that names `data` is about `dataJson` when the message sets `dataJson`.
    const taken = raw.find(([member, own]) => member === field && message !== undefined && isFieldSet(message, own));
    const name = taken?.[1].jsonName ?? field;
    return json ? name : name?.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  };
}
