/** An answer that is too long for one message: its begin, and what follows in its list. */

import type { Message } from "@bufbuild/protobuf";
import type { AppError } from "../domain/errors.js";

export class LongAnswer {
  constructor(
    /** With the first items of the list. */
    readonly begin: Message,
    /** The JSON name of the list. */
    readonly list: string,
    /** Further items, made while they are taken. Rejects with AppError. */
    readonly rest: AsyncIterable<readonly Message[]>,
    /** What a caller hears whose protocol answers in one message. */
    readonly refusal: AppError,
  ) {}

  /** The same, with failures of the rest as `fail` names them. */
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

/** For protocols that answer in one message. Throws the refusal of a long answer. */
export function wholeAnswer(answer: Answer): Message {
  if (answer instanceof LongAnswer) throw answer.refusal;
  return answer;
}
