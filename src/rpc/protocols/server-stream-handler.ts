/** Serves a method of the contract that answers one request with a stream of frames, in the RPC protocols. */

import type { DescMethodServerStreaming } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { AppError } from "../../domain/errors.js";
import { closeError } from "../errors/close-error.js";
import { toConnectError } from "../errors/rpc-error.js";
import { rateMetadata } from "../rate-limit/rate-metadata.js";
import type { OpenStream } from "../streams/frame-streams.js";
import type { Subscription } from "../streams/subscribing.js";
import type { Handler } from "./handlers.js";
import { createRequestHandler, type RequestHandlerOptions } from "./request-handler.js";
import { streamEnd } from "./stream-end.js";
import type { AnswerSink, StreamedAnswer } from "./streamed-answer.js";
import { readTimeout } from "./timeout-header.js";
import type { Wire } from "./wire.js";

/**
 * How long a client whose deadline has passed may take to read the end of its stream, in milliseconds. Then the stream
 * is cut. The library of the client has mostly left by itself before.
 */
const endMsMax = 5_000;

export function createServerStreamHandler(method: DescMethodServerStreaming, options: RequestHandlerOptions): Handler {
  const { api } = options;
  return createRequestHandler(method, options, {
    foreign: "connect",
    async answer({ wire, header, admission, message }) {
      const timeoutMs = readTimeout(wire, header);
      const endsAt = timeoutMs === undefined ? undefined : performance.now() + timeoutMs;
      const subscription = await api.subscribe(method, admission, message);
      return streamedAnswer(wire, subscription, endsAt, rateMetadata(admission.rate));
    },
  });
}

/**
 * Makes the answer that opens the stream of `subscription` when it is started. `endsAt` is the deadline of the call, in
 * milliseconds on the clock of `performance.now()`.
 */
function streamedAnswer(
  wire: Wire,
  subscription: Subscription,
  endsAt: number | undefined,
  metadata: Record<string, string>,
): StreamedAnswer {
  return {
    header: new Headers({ "content-type": wire.contentType, ...metadata }),
    giveUp: subscription.giveUp,

    start(sink, text = false) {
      const { writable, ping, answersPings, cut } = sink;
      const finish = (failure: ConnectError): void => {
        const { bytes, trailer } = streamEnd(wire, failure, text);
        sink.finish(bytes, trailer);
      };
      let stream: OpenStream;
      try {
        stream = subscription.start(
          { writable, ping, answersPings, cut, end: (close) => finish(toConnectError(closeError(close))) },
          { json: wire.json, text },
        );
      } catch (error) {
        finish(toConnectError(AppError.from(error)));
        return;
      }
      if (endsAt !== undefined) boundStream(sink, stream, endsAt, finish);
    },
  };
}

/**
 * Ends the stream with DEADLINE_EXCEEDED when the deadline of the call passes. That is no close of the gateway, so no
 * frame `closing` comes before it.
 */
function boundStream(
  { writable, cut }: AnswerSink,
  stream: OpenStream,
  endsAt: number,
  finish: (failure: ConnectError) => void,
): void {
  let timer = setTimeout(
    () => {
      stream.leave();
      finish(new ConnectError("The deadline of the call has passed", Code.DeadlineExceeded));
      timer = setTimeout(cut, endMsMax);
    },
    Math.max(0, endsAt - performance.now()),
  );
  writable.once("close", () => clearTimeout(timer));
}
