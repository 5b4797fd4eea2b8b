/** A unary method of the contract with its implementation, named by what it needs to know about its call. */

import {
  create,
  type DescMessage,
  type DescMethodUnary,
  type Message,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import type { Entry } from "../directory/directory.js";
import type { Instance, Principal } from "../domain/instance.js";
import { type Answer, LongAnswer } from "./long-answer.js";

/** What the checks found. A method with the field `instance` has an instance, and an entry if it carries an event. */
export interface Call {
  readonly principal: Principal | undefined;
  readonly instance: Instance | undefined;
  readonly entry: Entry | undefined;
}

export interface Method {
  readonly desc: DescMethodUnary;
  /** `request` is a valid message of the method's input. */
  run(request: Message, call: Call): Answer | Promise<Answer>;
}

type Init<O extends DescMessage> = MessageInitShape<O> | LongAnswer;
type Made<O extends DescMessage> = Init<O> | Promise<Init<O>>;

export function openMethod<I extends DescMessage, O extends DescMessage>(
  desc: DescMethodUnary<I, O>,
  run: (request: MessageShape<I>) => Made<O>,
): Method {
  return method(desc, run);
}

export function callerMethod<I extends DescMessage, O extends DescMessage>(
  desc: DescMethodUnary<I, O>,
  run: (request: MessageShape<I>, principal: Principal) => Made<O>,
): Method {
  return method(desc, (request, { principal }) => run(request, known(principal)));
}

export function instanceMethod<I extends DescMessage, O extends DescMessage>(
  desc: DescMethodUnary<I, O>,
  run: (request: MessageShape<I>, instance: Instance, principal: Principal) => Made<O>,
): Method {
  return method(desc, (request, { instance, principal }) => run(request, known(instance), known(principal)));
}

export function entryMethod<I extends DescMessage, O extends DescMessage>(
  desc: DescMethodUnary<I, O>,
  run: (request: MessageShape<I>, entry: Entry) => Made<O>,
): Method {
  return method(desc, (request, { entry }) => run(request, known(entry)));
}

function method<I extends DescMessage, O extends DescMessage>(
  desc: DescMethodUnary<I, O>,
  run: (request: MessageShape<I>, call: Call) => Made<O>,
): Method {
  return {
    desc,
    run(request, call) {
      const made = run(request as MessageShape<I>, call);
      const finish = (init: Init<O>): Answer => (init instanceof LongAnswer ? init : create(desc.output, init));
      return made instanceof Promise ? made.then(finish) : finish(made);
    },
  };
}

/** The policy of the method promises it; a contradiction in the contract is an internal error. */
function known<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the policy of this method does not provide what it needs");
  return value;
}
