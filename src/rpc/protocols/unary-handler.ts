/** Serves a unary method of the contract in the RPC protocols. */

import type { DescMethodUnary, Message } from "@bufbuild/protobuf";
import { compileKeyHeader, hasKeyHeader, keyHeader } from "../decoding/key-header.js";
import { wholeAnswer } from "../methods/long-answer.js";
import type { Handler } from "./handlers.js";
import { createRequestHandler, type RequestHandlerOptions } from "./request-handler.js";
import { answerUnary, compileEncode } from "./unary-answer.js";

export function createUnaryHandler(method: DescMethodUnary, options: RequestHandlerOptions): Handler {
  const { api } = options;
  const encode = compileEncode(method.output);
  const takesKey = hasKeyHeader(method.input);
  const takeKey = compileKeyHeader(method.input);
  return createRequestHandler(method, options, {
    foreign: "connect-stream",
    async answer({ wire, terms, header, admission, message }) {
      const key = takesKey ? header.get(keyHeader) : null;
      const decode = () => (key === null ? message : takeKey(message, key));
      const answered = wholeAnswer(await api.call(method, admission, instanceOf(message), decode));
      return answerUnary(wire, encode(answered, wire.json), terms.response, admission.rate);
    },
  });
}

function instanceOf(request: Message): string | undefined {
  return "instance" in request && typeof request.instance === "string" ? request.instance : undefined;
}
