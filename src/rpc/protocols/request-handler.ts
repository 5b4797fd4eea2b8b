/**
 * Serves a method whose call has one message, and one answer or a stream of answers: admits the call, reads and decodes
 * the message, and writes a refusal in the caller's protocol. The handlers of the Connect library are not used: they
 * take ten times longer, and they decode a message before our code can say which field is wrong.
 */

import type { DescMethod, Message } from "@bufbuild/protobuf";
import { createMethodUrl, type UniversalServerRequest } from "@connectrpc/connect/protocol";
import type { Logger } from "pino";
import { AppError } from "../../domain/errors.js";
import { tokenFrom } from "../admission/credentials.js";
import type { Admission, Api } from "../api.js";
import type { BodyLimit } from "../decoding/body-limit.js";
import { compileDecodeCall } from "../decoding/decode-call.js";
import { readMessage } from "../decoding/read-message.js";
import type { Room } from "../decoding/room.js";
import { describeCause } from "../errors/failure-log.js";
import { compileSpelling } from "../errors/field-spelling.js";
import { compareAnswers } from "../errors/listed-errors.js";
import { notAllowed, unsupportedMediaType } from "../errors/no-call.js";
import { refuse } from "../errors/refusal.js";
import type { Handler } from "./handlers.js";
import type { Answered } from "./streamed-answer.js";
import { readTerms, type Terms } from "./terms.js";
import { readWire, type Wire } from "./wire.js";

export interface RequestHandlerOptions {
  readonly api: Api;
  /** Whether the handler serves gRPC too. */
  readonly grpc: boolean;
  readonly limit: BodyLimit;
  readonly logger: Logger;
}

/** An admitted call whose message was decoded. */
export interface ReadCall {
  readonly wire: Wire;
  readonly terms: Terms;
  readonly header: Headers;
  readonly admission: Admission;
  readonly message: Message;
}

export interface RequestAnswers {
  /** The form of Connect that is refused with 415. Connect has one form for one answer, and another for a stream. */
  readonly foreign: Wire["protocol"];
  /**
   * Runs the method. An AppError with which it rejects is the refusal; any other error is logged and answered as
   * INTERNAL.
   */
  answer(call: ReadCall): Promise<Answered>;
}

export function createRequestHandler(
  method: DescMethod,
  { api, grpc, limit, logger }: RequestHandlerOptions,
  { foreign, answer }: RequestAnswers,
): Handler {
  const path = createMethodUrl("/", method);
  const spell = compileSpelling(method.input);
  const decoder = compileDecodeCall(method.input);
  const compare = compareAnswers(method);
  const takesTicket = method.input.field.ticket !== undefined;

  /** Returns the error for the client. An error that is no AppError is a fault in our code, so it is logged. */
  function failed(error: unknown): AppError {
    if (error instanceof AppError) return error;
    logger.error({ method: path, err: describeCause(error) }, "call failed outside its method");
    return new AppError("INTERNAL");
  }

  async function serve(wire: Wire, request: UniversalServerRequest, remoteAddress: string, room: Room) {
    const { header } = request;
    const token = tokenFrom(header.get("token"), header.get("authorization"));
    let message: Message | undefined;
    async function read(): Promise<Pick<ReadCall, "terms" | "message">> {
      const terms = readTerms(wire, header);
      const bytes = await readMessage(wire, request, terms.request, limit, room);
      message = await (wire.json ? decoder.json(bytes) : decoder.binary(bytes));
      return { terms, message };
    }

    const early = takesTicket && token === undefined ? await read().catch(withoutTicket) : undefined;
    const admission = await api.admit(method, { token, ticket: ticketOf(message), remoteAddress });
    try {
      if (admission.refusal !== undefined) throw admission.refusal;
      return await answer({ wire, header, admission, ...(early ?? (await read())) });
    } catch (error) {
      const failure = failed(error);
      compare(failure.reason);
      return refuse(wire, failure, admission.rate, spell(failure.field, message, wire.json));
    }
  }

  async function handle(request: UniversalServerRequest, remoteAddress: string, room: Room): Promise<Answered> {
    if (request.method !== "POST") return notAllowed(request, ["POST"]);
    const wire = readWire(request.header.get("content-type") ?? "");
    if (wire === undefined || wire.protocol === foreign || (wire.protocol === "grpc" && !grpc))
      return unsupportedMediaType(request);
    try {
      return await serve(wire, request, remoteAddress, room);
    } catch (error) {
      return refuse(wire, failed(error), undefined);
    }
  }

  return { path, method, handle };
}

/**
 * Takes a message that cannot be read for a message without a ticket, so that the call is refused as that of a stranger.
 * An error of the node itself is thrown, because the message may have a valid ticket.
 */
function withoutTicket(error: unknown): undefined {
  if (AppError.from(error).status >= 500) throw error;
}

function ticketOf(message: Message | undefined): string | undefined {
  return message !== undefined && "ticket" in message ? String(message.ticket) || undefined : undefined;
}
