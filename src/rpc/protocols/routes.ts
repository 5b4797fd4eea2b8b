/**
 * Makes routes of a Connect router for the streams of requests of the contract. A route refuses calls, sends the
 * rate-limit headers, runs the stream and translates errors.
 */

import { setMaxListeners } from "node:events";
import type { DescMethod, DescMethodBiDiStreaming, DescService } from "@bufbuild/protobuf";
import { Code, ConnectError, createConnectRouter, type HandlerContext } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { AppError } from "../../domain/errors.js";
import type { Admission } from "../api.js";
import { messageLimit } from "../decoding/body-limit.js";
import { compressions } from "../decoding/compressions.js";
import { recursionLimit } from "../decoding/recursion-limit.js";
import { toConnectError } from "../errors/rpc-error.js";
import { readPolicy } from "../policy.js";
import { rateMetadata } from "../rate-limit/rate-metadata.js";
import { services } from "../services.js";
import { Pipeline, type Read } from "../streams/pipeline.js";
import { enter } from "./call-context.js";
import type { HandlersOptions } from "./handlers.js";
import { incoming } from "./incoming-stream.js";

/**
 * Makes the routes of all streams. Throws for a kind of stream that this code cannot serve. Otherwise such a method
 * would be missing and nobody would notice.
 */
export function createStreamRoutes({ api, grpc, publishMaxBytes, shutdown }: HandlersOptions): UniversalHandler[] {
  const common = {
    grpc,
    acceptCompression: compressions,
    requireConnectProtocolHeader: false,
    jsonOptions: { alwaysEmitImplicit: true, ignoreUnknownFields: true, recursionLimit },
    binaryOptions: { recursionLimit },
  };
  const router = createConnectRouter(common);
  if (shutdown !== undefined) setMaxListeners(0, shutdown);

  function addStream(method: DescMethodBiDiStreaming): void {
    const limit = messageLimit(readPolicy(method), publishMaxBytes);
    router.rpc(
      method,
      async function* (_, context) {
        const { admission, requests } = enter(context);
        if (requests === undefined) throw new Error(`${method.name} is no method whose requests are read here`);
        const taken = incoming(each(requests), [context.signal, shutdown], limit.tooLarge);
        try {
          if (admission.refusal === undefined) announce(context, admission);
          const read = () => taken.next().then(({ done, value }) => (done ? undefined : [value]));
          for await (const answers of new Pipeline(api.openStream(method, admission), read)) yield* answers;
        } catch (error) {
          throw toConnectError(AppError.from(error), rateMetadata(admission.rate));
        } finally {
          // Do not await this promise, because the next request may never come. When the answers end, the requests end
          // too.
          taken.return(undefined).catch(() => {});
        }
        if (context.signal.aborted) throw cutShort(context.signal);
      },
      { ...common, readMaxBytes: limit.bytes },
    );
  }

  for (const service of services as readonly DescService[])
    for (const method of service.methods)
      if (isBidi(method)) addStream(method);
      else if (method.methodKind === "client_streaming")
        throw new Error(`${service.typeName}/${method.name} is a ${method.methodKind} method, and nothing serves one`);
  return router.handlers;
}

async function* each<T>(read: Read<T>): AsyncGenerator<T> {
  for (let group = await read(); group !== undefined; group = await read()) yield* group;
}

const isBidi = (method: DescMethod): method is DescMethodBiDiStreaming => method.methodKind === "bidi_streaming";

/** Makes the error for a call that was cut short. A call whose deadline has passed must not look like a success. */
function cutShort({ reason }: AbortSignal): ConnectError {
  return new ConnectError("Cut short", reason instanceof ConnectError ? reason.code : Code.Canceled);
}

function announce(context: HandlerContext, { rate }: Admission): void {
  for (const [name, value] of Object.entries(rateMetadata(rate))) context.responseHeader.set(name, value);
}
