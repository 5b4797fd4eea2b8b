/** A refusal in every protocol: the bytes that the library would write, without its handlers. */

import { Code, ConnectError, createConnectRouter } from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { EventService } from "../../gen/eventwire/v1/event_service_pb.js";
import { AppError } from "../../src/domain/errors.js";
import { refuse } from "../../src/rpc/errors/refusal.js";
import { toConnectError } from "../../src/rpc/errors/rpc-error.js";
import { createHandler } from "../../src/rpc/protocols/handlers.js";
import { isStreamed } from "../../src/rpc/protocols/streamed-answer.js";
import { readWire } from "../../src/rpc/protocols/wire.js";
import { rateMetadata } from "../../src/rpc/rate-limit/rate-metadata.js";
import { envelope } from "../support/explanations.js";

const rate = { limit: 100, remaining: 0, reset: 1_700_000_061 };
const errors: [string, AppError][] = [
  ["a limit", new AppError("RATE_LIMITED", { retryAfterSeconds: 17 })],
  ["a rule", new AppError("INVALID_REQUEST_BODY", { field: "events[2]", rule: 'must be "one", or \\ two' })],
  ["no more than its text", new AppError("INSTANCE_NOT_FOUND")],
];

/** What the library makes of the same error. */
function library(error: AppError): UniversalHandler[] {
  const fail = (): never => {
    throw toConnectError(error, rateMetadata(rate));
  };
  const router = createConnectRouter({ jsonOptions: { alwaysEmitImplicit: true } });
  router.rpc(EventService.method.publishEvent, fail);
  // biome-ignore lint/correctness/useYield: it fails before it answers.
  router.rpc(EventService.method.publishEvents, async function* () {
    fail();
  });
  return router.handlers;
}

async function read({ status, header, body, trailer }: UniversalServerResponse) {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body ?? []) chunks.push(chunk);
  const headers = Object.fromEntries(header ?? []);
  delete headers["content-length"];
  return {
    status,
    headers,
    body: Buffer.concat(chunks).toString("latin1"),
    trailers: Object.fromEntries(trailer ?? []),
  };
}

describe.each(errors)("a refusal with %s", (_, error) => {
  it.each([
    ["application/json", 0],
    ["application/proto", 0],
    ["application/grpc", 0],
    ["application/grpc+json", 0],
    ["application/grpc-web+proto", 0],
    ["application/grpc-web+json", 0],
    ["application/connect+json", 1],
    ["application/connect+proto", 1],
    ["application/grpc", 1],
  ])("over %s is what the library writes", async (contentType, method) => {
    const wire = readWire(contentType);
    const handler = library(error)[method];
    if (wire === undefined || handler === undefined) throw new Error("no such protocol");
    const message = Buffer.from(contentType.endsWith("json") ? "{}" : "");
    const theirs = await handler({
      httpVersion: "2.0",
      method: "POST",
      url: `http://localhost${handler.requestPath}`,
      header: new Headers({ "content-type": contentType }),
      body: (async function* () {
        yield wire.protocol === "connect" ? message : envelope(message);
      })(),
      signal: new AbortController().signal,
    });
    const expected = await read(theirs);
    expect(await read(refuse(wire, error, rate))).toEqual(expected);
    // From memory the second time.
    expect(await read(refuse(wire, error, rate))).toEqual(expected);
  });
});

it("a refused stream never enters the library, and its body is not read", async () => {
  const [, route] = library(new AppError("INTERNAL"));
  if (route === undefined) throw new Error("no stream");
  const entered = Object.assign(() => Promise.reject(new Error("entered")), route) as UniversalHandler;
  const refusal = new AppError("INVALID_TOKEN");
  const handler = createHandler(entered, {
    admit: () => ({ principal: undefined, rate, refusal }),
    logger: pino({ level: "silent" }),
  });
  const response = await handler.handle(
    {
      httpVersion: "2.0",
      method: "POST",
      url: "http://localhost/",
      header: new Headers({ "content-type": "application/grpc" }),
      body: { [Symbol.asyncIterator]: () => Promise.reject(new ConnectError("read", Code.Internal)) as never },
      signal: new AbortController().signal,
    },
    "127.0.0.1",
    { grow: () => true, shrink() {} },
  );
  if (isStreamed(response)) throw new Error("a stream");
  expect((await read(response)).trailers["grpc-status"]).toBe("16");
});
