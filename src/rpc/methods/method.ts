/**
 * A unary method of the contract together with its implementation. The functions in this file make methods by what
 * their implementation needs: nothing, the caller, the instance, or the instance in memory.
 */

import {
  create,
  type DescMessage,
  type DescMethodUnary,
  type Message,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import type { Entry } from "../../directory/directory.js";
import type { Instance, Principal } from "../../domain/instance.js";
import { type Answer, LongAnswer } from "./long-answer.js";

/**
 * The results of the checks before a method runs. `principal` is undefined only when anybody may call the method. A
 * request with the field `instance` has an `instance`. It has an `entry` too when the method looks instances up in
 * memory.
 */
export interface Call {
  readonly principal: Principal | undefined;
  readonly instance: Instance | undefined;
  readonly entry: Entry | undefined;
}

export interface Method {
  readonly desc: DescMethodUnary;
  /**
   * Where the API looks up the instance that a call names: in the database, which alone is authoritative, or in memory,
   * which answers at once and is enough for an event.
   */
  readonly instanceFrom: "database" | "memory";
  /**
   * True when the method itself checks the request by the rules of the contract. Otherwise the API checks the request
   * before `run`.
   */
  readonly checksRequest: boolean;
  /**
   * Runs the method. `request` is a message of the method's input type. It is valid, unless `checksRequest` says that
   * the method checks it.
   */
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
  return { ...method(desc, (request, { entry }) => run(request, known(entry))), instanceFrom: "memory" };
}

/** Returns the same method, marked as one that checks its request itself. */
export function checkingRequest(method: Method): Method {
  return { ...method, checksRequest: true };
}

function method<I extends DescMessage, O extends DescMessage>(
  desc: DescMethodUnary<I, O>,
  run: (request: MessageShape<I>, call: Call) => Made<O>,
): Method {
  return {
    desc,
    instanceFrom: "database",
    checksRequest: false,
    run(request, call) {
      const made = run(request as MessageShape<I>, call);
      const finish = (init: Init<O>): Answer => (init instanceof LongAnswer ? init : create(desc.output, init));
      return made instanceof Promise ? made.then(finish) : finish(made);
    },
  };
}

/**
 * Returns a value that the policy of the method promises. When the value is missing, the contract contradicts itself,
 * and the call fails with an internal error.
 */
function known<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the policy of this method does not provide what it needs");
  return value;
}
