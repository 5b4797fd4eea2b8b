/** An answer that is too long for one message: its start, and the rest of its list. */

import type { Message } from "@bufbuild/protobuf";
import type { AppError } from "../../domain/errors.js";

export class LongAnswer {
  constructor(
    /** The answer with the first items of the list. */
    readonly begin: Message,
    /** The JSON name of the list. */
    readonly list: string,
    /** The further items. They are made while the caller reads them. Rejects with AppError. */
    readonly rest: AsyncIterable<readonly Message[]>,
    /** The error for a caller whose protocol answers in one message. */
    readonly refusal: AppError,
  ) {}

  /** The same answer; `fail` translates an error of the rest. */
  watched(fail: (error: unknown) => never): LongAnswer {
    return new LongAnswer(this.begin, this.list, watch(this.rest, fail), this.refusal);
  }
}

async function* watch<T>(rest: AsyncIterable<T>, fail: (error: unknown) => never): AsyncGenerator<T> {
  try {
    yield* rest;
  } catch (error) {
    fail(error);
  }
}

export type Answer = Message | LongAnswer;

/** Turns an answer into one message. Throws the refusal of a long answer. */
export function wholeAnswer(answer: Answer): Message {
  if (answer instanceof LongAnswer) throw answer.refusal;
  return answer;
}
