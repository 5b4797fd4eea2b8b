/** The JSON of an answer. Where all its members are plain, no reflection is needed, which would cost a fifth of a REST call. */

import { type DescMessage, type Message, ScalarType, toJson } from "@bufbuild/protobuf";

/** Their JSON is the value itself. */
const plainTypes = new Set([ScalarType.BOOL, ScalarType.STRING, ScalarType.INT32, ScalarType.UINT32]);

interface PlainMember {
  readonly localName: string;
  /** The name in JSON, in quotes and with its colon. */
  readonly key: string;
  /** The value of the last answer, and what was written for it: most members are the same in every answer. */
  value: unknown;
  text: string;
}

/** Writes answers as JSON. It leaves out a member only when the member is optional. */
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

/** In the order of their numbers; undefined when one of them is not plain. */
function plainMembers(desc: DescMessage): PlainMember[] | undefined {
  const fields = [...desc.fields].sort((a, b) => a.number - b.number);
  const plain = fields.every((field) => field.fieldKind === "scalar" && plainTypes.has(field.scalar) && !field.oneof);
  if (!plain) return undefined;
  return fields.map(({ localName, jsonName }) => {
    const key = `${JSON.stringify(jsonName)}:`;
    return { localName, key, value: undefined, text: "" };
  });
}
