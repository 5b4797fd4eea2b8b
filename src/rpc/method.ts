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

/** What the checks found. A method with the field `instance` has an instance, and an entry if it carries an event. */
export interface Call {
  readonly principal: Principal | undefined;
  readonly instance: Instance | undefined;
  readonly entry: Entry | undefined;
}

export interface Method {
  readonly desc: DescMethodUnary;
  /** `request` is a valid message of the method's input. */
  run(request: Message, call: Call): Message | Promise<Message>;
}

type Answer<O extends DescMessage> = MessageInitShape<O> | Promise<MessageInitShape<O>>;

export function openMethod<I extends DescMessage, O extends DescMessage>(
  desc: DescMethodUnary<I, O>,
  run: (request: MessageShape<I>) => Answer<O>,
): Method {
  return method(desc, run);
}

export function callerMethod<I extends DescMessage, O extends DescMessage>(
  desc: DescMethodUnary<I, O>,
  run: (request: MessageShape<I>, principal: Principal) => Answer<O>,
): Method {
  return method(desc, (request, { principal }) => run(request, known(principal)));
}

export function instanceMethod<I extends DescMessage, O extends DescMessage>(
  desc: DescMethodUnary<I, O>,
  run: (request: MessageShape<I>, instance: Instance) => Answer<O>,
): Method {
  return method(desc, (request, { instance }) => run(request, known(instance)));
}

export function entryMethod<I extends DescMessage, O extends DescMessage>(
  desc: DescMethodUnary<I, O>,
  run: (request: MessageShape<I>, entry: Entry) => Answer<O>,
): Method {
  return method(desc, (request, { entry }) => run(request, known(entry)));
}

function method<I extends DescMessage, O extends DescMessage>(
  desc: DescMethodUnary<I, O>,
  run: (request: MessageShape<I>, call: Call) => Answer<O>,
): Method {
  return {
    desc,
    run(request, call) {
      const answer = run(request as MessageShape<I>, call);
      if (answer instanceof Promise) return answer.then((init) => create(desc.output, init));
      return create(desc.output, answer);
    },
  };
}

/** The policy of the method promises it; a contradiction in the contract is an internal error. */
function known<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the policy of this method does not provide what it needs");
  return value;
}
