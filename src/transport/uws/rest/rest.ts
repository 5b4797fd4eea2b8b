/**
 * Serves the contract over REST. A route checks the token and the rate limit before it uses the body. Requests and
 * answers are JSON.
 */

import type { DescMethod, Message } from "@bufbuild/protobuf";
import { AppError } from "../../../domain/errors.js";
import type { Admission, Api } from "../../../rpc/api.js";
import { restLimit } from "../../../rpc/decoding/body-limit.js";
import { compileKeyHeader } from "../../../rpc/decoding/key-header.js";
import { type Answer, LongAnswer } from "../../../rpc/methods/long-answer.js";
import { compileAnswerJson } from "../../../rpc/protocols/answer-json.js";
import type { Header } from "../../cors.js";
import { answerPieces } from "../answer-pieces.js";
import { Body, type Whole } from "../body.js";
import type { Exchange, Serve, Waited } from "../exchange.js";
import { instanceName } from "../instance-name.js";
import { ambiguity } from "../request.js";
import { compileDecode } from "./decode.js";
import { compileRoutes, type Route } from "./http-rule.js";
import { longJson } from "./long-json.js";

export interface RestRoute extends Route {
  readonly serve: Serve;
}

export function createRestRoutes(options: {
  api: Api;
  methods: Iterable<DescMethod>;
  publishMaxBytes: number;
}): RestRoute[] {
  return compileRoutes(options.methods).map((route) => ({
    ...route,
    serve: createServe(route, options.api, options.publishMaxBytes),
  }));
}

function createServe(route: Route, api: Api, publishMaxBytes: number): RestRoute["serve"] {
  const { method, variable, hasBody } = route;
  const decode = compileDecode(route);
  const takeKey = compileKeyHeader(method.input);
  const encode = compileEncode(route);
  const limit = restLimit(route.policy, publishMaxBytes);
  const sizeRule = { rule: `body must be at most ${limit.bytes} bytes` };
  const nothing = Buffer.alloc(0);

  function call(exchange: Exchange, admission: Admission, bytes: Whole): Waited {
    const { head } = exchange;
    const instance = variable === undefined ? undefined : instanceName(head.variable);
    const called = api.call(method, admission, instance, () => {
      if (bytes === "too large") throw new AppError(limit.tooLarge, sizeRule);
      const message = decode(head, instance, bytes);
      return head.idempotencyKey === undefined ? message : takeKey(message, head.idempotencyKey);
    });
    const answer = (answered: Answer): Waited => {
      if (answered instanceof LongAnswer) return answerLong(exchange, route, answered);
      return exchange.answer(...encode(answered));
    };
    return called instanceof Promise ? called.then(answer) : answer(called);
  }

  return (exchange) => {
    // Take the body now: uWebSockets pushes it from this turn of the event loop on, even if the call is refused later.
    const body = hasBody ? new Body(exchange, limit.bytes) : undefined;
    const goOn = (admission: Admission): Waited => {
      exchange.rate = admission.rate;
      if (admission.refusal !== undefined) throw admission.refusal;
      if (exchange.head.ambiguous) throw new AppError("INVALID_REQUEST", ambiguity);
      if (body === undefined) return call(exchange, admission, nothing);
      return body.whenWhole((bytes) => call(exchange, admission, bytes));
    };
    // Make a promise only when there is something to wait for: each promise costs 0.2 µs.
    const admitted = api.admit(method, exchange);
    return admitted instanceof Promise ? admitted.then(goOn) : goOn(admitted);
  };
}

function answerLong(exchange: Exchange, { method, policy }: Route, answer: LongAnswer): Promise<void> {
  const aborted = new AbortController();
  exchange.onAborted(() => aborted.abort());
  const status = policy.successStatus || 200;
  const start = (): void => exchange.writeHead(status);
  return answerPieces(exchange, status, start, longJson(method.output, answer), aborted.signal);
}

const none: readonly Header[] = [];
const comeBack: readonly Header[] = [["Retry-After", "1"]];

type Encoded = readonly [status: number, body: string, headers: readonly Header[]];

/**
 * Makes the function that turns a message into the status, the body and the headers of the answer. A message with the
 * status `degraded` is answered with 503.
 */
function compileEncode({ method, policy }: Route): (message: Message) => Encoded {
  const success = policy.successStatus || 200;
  const jsonOf = compileAnswerJson(method.output);
  return (message) => {
    const degraded = "status" in message && message.status === "degraded";
    return [degraded ? 503 : success, jsonOf(message), degraded ? comeBack : none];
  };
}
