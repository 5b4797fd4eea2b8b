/**
 * Serves a unary method of the contract in the RPC protocols. The handlers of the Connect library are not used: they
 * take ten times longer, and they decode a message before our code can say which field is wrong.
 */

import type { DescMethodUnary, Message } from "@bufbuild/protobuf";
import {
  createMethodUrl,
  type UniversalServerRequest,
  type UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import type { Logger } from "pino";
import { AppError } from "../../domain/errors.js";
import { tokenFrom } from "../admission/credentials.js";
import type { Api } from "../api.js";
import type { BodyLimit } from "../decoding/body-limit.js";
import { compileDecodeCall } from "../decoding/decode-call.js";
import { readMessage } from "../decoding/read-message.js";
import type { Room } from "../decoding/room.js";
import { describeCause } from "../errors/failure-log.js";
import { compileSpelling } from "../errors/field-spelling.js";
import { compareAnswers } from "../errors/listed-errors.js";
import { notAllowed, unsupportedMediaType } from "../errors/no-call.js";
import { refuse } from "../errors/refusal.js";
import { wholeAnswer } from "../methods/long-answer.js";
import type { Handler } from "./handlers.js";
import { readTerms } from "./terms.js";
import { answerUnary, compileEncode } from "./unary-answer.js";
import { readWire, type Wire } from "./wire.js";

export interface UnaryHandlerOptions {
  readonly api: Api;
  /** Whether the handler serves gRPC too. */
  readonly grpc: boolean;
  readonly limit: BodyLimit;
  readonly logger: Logger;
}

export function createUnaryHandler(method: DescMethodUnary, options: UnaryHandlerOptions): Handler {
  const { api, grpc, limit, logger } = options;
  const path = createMethodUrl("/", method);
  const encode = compileEncode(method.output);
  const spell = compileSpelling(method.input);

  const decoder = compileDecodeCall(method.input);
  const compare = compareAnswers(method);

  /** Returns the error for the client. An error that is no AppError is a fault in our code, so it is logged. */
  function failed(error: unknown): AppError {
    if (error instanceof AppError) return error;
    logger.error({ method: path, err: describeCause(error) }, "call failed outside its method");
    return new AppError("INTERNAL");
  }

  async function answer(wire: Wire, request: UniversalServerRequest, remoteAddress: string, room: Room) {
    const { header } = request;
    const token = tokenFrom(header.get("token"), header.get("authorization"));
    const admission = await api.admit(method, { token, remoteAddress });
    let message: Message | undefined;
    try {
      if (admission.refusal !== undefined) throw admission.refusal;
      const terms = readTerms(wire, header);
      const bytes = await readMessage(wire, request, terms.request, limit, room);
      const decoded = await (wire.json ? decoder.json(bytes) : decoder.binary(bytes));
      message = decoded;
      const answered = wholeAnswer(await api.call(method, admission, instanceOf(decoded), () => decoded));
      return await answerUnary(wire, encode(answered, wire.json), terms.response, admission.rate);
    } catch (error) {
      const failure = failed(error);
      compare(failure.reason);
      return refuse(wire, failure, admission.rate, spell(failure.field, message, wire.json));
    }
  }

  async function handle(
    request: UniversalServerRequest,
    remoteAddress: string,
    room: Room,
  ): Promise<UniversalServerResponse> {
    if (request.method !== "POST") return notAllowed(request, ["POST"]);
    const wire = readWire(request.header.get("content-type") ?? "");
    if (wire === undefined || wire.protocol === "connect-stream" || (wire.protocol === "grpc" && !grpc))
      return unsupportedMediaType(request);
    try {
      return await answer(wire, request, remoteAddress, room);
    } catch (error) {
      return refuse(wire, failed(error), undefined);
    }
  }

  return { path, method, handle };
}

function instanceOf(request: Message): string | undefined {
  return "instance" in request && typeof request.instance === "string" ? request.instance : undefined;
}
