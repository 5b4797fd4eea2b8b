/** Spells the field of an error as a protocol does. Errors name fields as the contract's JSON over REST does. */

import { type DescField, type DescMessage, getOption, hasOption, isFieldSet, type Message } from "@bufbuild/protobuf";
import { raw_json_of } from "../../../gen/eventwire/v1/policy_pb.js";

/**
 * `message` is the wrong message, if it could be read. With `json` the field gets its JSON name, else its name in the
 * proto file.
 */
export type SpellField = (field: string | undefined, message: Message | undefined, json: boolean) => string | undefined;

export function compileSpelling(input: DescMessage): SpellField {
  const raw: readonly (readonly [member: string, field: DescField])[] = input.fields
    .filter((field) => hasOption(field, raw_json_of))
    .map((field) => [getOption(field, raw_json_of), field]);
  return (field, message, json) => {
    // REST takes such a field from the text of another member. In the other protocols it is a field of its own.
    const taken = raw.find(([member, own]) => member === field && message !== undefined && isFieldSet(message, own));
    const name = taken?.[1].jsonName ?? field;
    return json ? name : name?.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  };
}
