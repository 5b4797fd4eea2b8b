/**
 * Writes the JSON of an answer. An answer that has only booleans, strings and 32-bit integers is written without the
 * Protobuf library, whose reflection would cost a fifth of a REST call.
 */

import { type DescMessage, type Message, ScalarType, toJson } from "@bufbuild/protobuf";

/** The types whose values are the same in JSON as in a message. */
const plainTypes = new Set([ScalarType.BOOL, ScalarType.STRING, ScalarType.INT32, ScalarType.UINT32]);

interface PlainMember {
  readonly localName: string;
  /** The name of the member in JSON, with its quotes and its colon. */
  readonly key: string;
  /**
   * The value of the member in the last answer. `text` is the JSON of this value. It is used again when the next answer
   * has the same value, as most answers do.
   */
  value: unknown;
  text: string;
}

/**
 * Makes the function that writes answers of one type as JSON. A member is left out only when it is optional and has no
 * value.
 */
export function compileAnswerJson(desc: DescMessage): (message: Message) => string {
  const members = plainMembers(desc);
  if (members === undefined) return (message) => JSON.stringify(toJson(desc, message, { alwaysEmitImplicit: true }));
  return (message) => {
    const values = message as unknown as Readonly<Record<string, unknown>>;
    let json = "{";
    for (const member of members) {
      const value = values[member.localName];
      if (value === undefined) continue;
      if (value !== member.value) {
        member.value = value;
        member.text = member.key + JSON.stringify(value);
      }
      json += json.length === 1 ? member.text : `,${member.text}`;
    }
    return `${json}}`;
  };
}

/**
 * Returns the members of the message in the order of their field numbers. Undefined when a member has a type that is
 * not in `plainTypes`, or belongs to a oneof.
 */
function plainMembers(desc: DescMessage): PlainMember[] | undefined {
  const fields = [...desc.fields].sort((a, b) => a.number - b.number);
  const plain = fields.every((field) => field.fieldKind === "scalar" && plainTypes.has(field.scalar) && !field.oneof);
  if (!plain) return undefined;
  return fields.map(({ localName, jsonName }) => {
    const key = `${JSON.stringify(jsonName)}:`;
    return { localName, key, value: undefined, text: "" };
  });
}
