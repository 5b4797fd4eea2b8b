/** Reads a message that a client of `eventwire.v1` sends on its open socket: a `ClientMessage` of the contract. */

import { AppError } from "../../domain/errors.js";
import { typesNamed } from "./event-names.js";

export type ClientMessage =
  | { readonly control: "ping" }
  /** `types` has the bits of the event types that the client wants. */
  | { readonly control: "narrow"; readonly types: number };

/** The rule that a message breaks, as a sentence for the client. The sentence repeats nothing of the message. */
export class Misunderstood {
  readonly rule: string;

  constructor(rule: string) {
    this.rule = rule;
  }
}

/** Members that the contract does not know are ignored. */
export function readClientMessage(bytes: ArrayBuffer, isBinary: boolean): ClientMessage | Misunderstood {
  const message = isBinary ? undefined : parsed(Buffer.from(bytes).toString());
  if (!isObject(message)) return new Misunderstood("a message must be a JSON object as text");
  const { control, events } = message;
  if (control === "ping") return { control };
  if (control === "narrow") return narrowTo(events ?? []);
  return new Misunderstood("control must be in list [narrow, ping]");
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function narrowTo(events: unknown): ClientMessage | Misunderstood {
  if (!Array.isArray(events)) return new Misunderstood("events must be a list of event types");
  try {
    return { control: "narrow", types: typesNamed(events) };
  } catch (error) {
    const { field, rule } = AppError.from(error);
    return new Misunderstood(`${field} ${rule}`);
  }
}
