/**
 * The text form of gRPC-Web (`application/grpc-web-text`), which is the binary form in base64. Browsers can read the
 * text form in pieces, so the official client uses it for streamed answers.
 */

import type { UniversalServerRequest } from "@connectrpc/connect/protocol";
import { AppError } from "../../domain/errors.js";
import type { Handler } from "./handlers.js";
import { type Answered, isStreamed } from "./streamed-answer.js";

const textType = /^application\/grpc-web-text/i;

/** Makes a handler that also takes requests in the text form, and then answers in the text form. */
export function withText(handler: Handler): Handler {
  return {
    ...handler,
    async handle(request, remoteAddress, room) {
      const contentType = request.header.get("content-type") ?? "";
      if (!textType.test(contentType)) return handler.handle(request, remoteAddress, room);
      return toText(await handler.handle(toBinary(request, contentType), remoteAddress, room));
    },
  };
}

function toBinary(request: UniversalServerRequest, contentType: string): UniversalServerRequest {
  const header = new Headers(request.header);
  header.set("content-type", contentType.replace(/-text/i, ""));
  // The header `content-length` counts the bytes of the base64 text and not of the decoded body.
  header.delete("content-length");
  return { ...request, header, body: decoded(request.body as AsyncIterable<Uint8Array>) };
}

function toText(answered: Answered): Answered {
  if (isStreamed(answered))
    return { ...answered, header: textHeader(answered.header), start: (sink) => answered.start(sink, true) };
  const { header, body } = answered;
  // An error in another form than gRPC-Web is not sent in base64.
  if (body === undefined || !header?.get("content-type")?.startsWith("application/grpc-web")) return answered;
  return { ...answered, header: textHeader(header), body: encoded(body) };
}

function textHeader(header: Headers): Headers {
  const changed = new Headers(header);
  changed.set("content-type", (header.get("content-type") ?? "").replace("grpc-web", "grpc-web-text"));
  return changed;
}

/**
 * Encodes each piece of the body with its own padding, as gRPC-Web demands, because a client may decode every piece
 * when it arrives.
 */
async function* encoded(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const { buffer, byteOffset, length } of body)
    yield Buffer.from(Buffer.from(buffer, byteOffset, length).toString("base64"), "latin1");
}

/**
 * Decodes a base64 body, in which padding may also stand between pieces. Throws AppError when the body is not base64.
 */
async function* decoded(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let rest = "";
  for await (const { buffer, byteOffset, length } of body) {
    const text = rest + Buffer.from(buffer, byteOffset, length).toString("latin1");
    const complete = text.length - (text.length % 4);
    rest = text.slice(complete);
    if (complete > 0) yield decode(text.slice(0, complete));
  }
  if (rest !== "") throw noBase64();
}

function decode(text: string): Uint8Array {
  const pieces = text.split(/(?<==)(?!=)/);
  if (!pieces.every((piece) => piece.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(piece))) throw noBase64();
  return Buffer.concat(pieces.map((piece) => Buffer.from(piece, "base64")));
}

function noBase64(): AppError {
  return new AppError("INVALID_REQUEST_BODY", { rule: "message must be base64, in groups of four characters" });
}
