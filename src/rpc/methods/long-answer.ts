/**
 * An answer that is too long for one message. It has a beginning, and the rest of its list, which is made while the
 * client reads.
 */

import type { Message } from "@bufbuild/protobuf";
import type { AppError } from "../../domain/errors.js";

export class LongAnswer {
  constructor(
    /** The answer with the first items of the list. */
    readonly begin: Message,
    /** The JSON name of the list in the answer. */
    readonly list: string,
    /**
     * The items of the list after the first ones. They are made while the caller reads them. The iteration rejects with
     * AppError.
     */
    readonly rest: AsyncIterable<readonly Message[]>,
    /** The error for a client whose protocol has only one message for the answer. */
    readonly refusal: AppError,
  ) {}

  /**
   * Returns an answer with the same parts. When reading its `rest` fails, `fail` gets the error and throws another for
   * the client.
   */
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

/** Returns the answer as one message. For a long answer, throws its refusal. */
export function wholeAnswer(answer: Answer): Message {
  if (answer instanceof LongAnswer) throw answer.refusal;
  return answer;
}
