/** Takes the idempotency key of a call from its header `Idempotency-Key`, which is metadata in the RPC protocols. */

import { type DescField, type DescMessage, getOption, hasOption, type Message } from "@bufbuild/protobuf";
import { header } from "../../../gen/eventwire/v1/policy_pb.js";
import { AppError } from "../../domain/errors.js";

/** The name of the header, as header names are compared. */
export const keyHeader = "idempotency-key";

/** Whether the header fills a field of messages of this type. */
export function hasKeyHeader(desc: DescMessage): boolean {
  return fieldOf(desc) !== undefined;
}

/**
 * Makes the function that puts the value of the header into a message. Returns the message unchanged when its type has
 * no field for the header. Throws or rejects with AppError INVALID_REQUEST_BODY when the message has another key.
 */
export function compileKeyHeader(
  desc: DescMessage,
): <M extends Message | Promise<Message>>(message: M, key: string) => M | Message {
  const field = fieldOf(desc);
  if (field === undefined) return (message) => message;
  const fill = (message: Message, key: string): Message => {
    const fields = message as unknown as Record<string, unknown>;
    const own = fields[field.localName];
    if (own !== undefined && own !== key)
      throw new AppError("INVALID_REQUEST_BODY", {
        field: field.jsonName,
        rule: `must be equal to the header ${getOption(field, header)}`,
      });
    fields[field.localName] = key;
    return message;
  };
  return <M extends Message | Promise<Message>>(message: M, key: string) =>
    message instanceof Promise ? (message.then((read: Message) => fill(read, key)) as M) : fill(message, key);
}

function fieldOf(desc: DescMessage): DescField | undefined {
  return desc.fields.find((field) => hasOption(field, header) && getOption(field, header).toLowerCase() === keyHeader);
}
