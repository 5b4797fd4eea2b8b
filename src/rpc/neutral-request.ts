/** A request that decodes, whatever the real one holds: what a refusal is answered to, in the caller's protocol. */

import type { UniversalServerRequest } from "@connectrpc/connect/protocol";

const dropped = [
  "content-length",
  "content-encoding",
  "connect-content-encoding",
  "grpc-encoding",
  "connect-timeout-ms",
  "grpc-timeout",
];

/** The real body stays unread. */
export function neutralRequest(request: UniversalServerRequest): UniversalServerRequest {
  const header = new Headers(request.header);
  for (const name of dropped) header.delete(name);
  return { ...request, header, body: once(emptyMessage(header.get("content-type") ?? "")) };
}

/** An empty message in the codec that the content type names, in an envelope where the protocol has envelopes. */
function emptyMessage(contentType: string): Uint8Array {
  const message = /^application\/(\S+\+)?json/i.test(contentType) ? Buffer.from("{}") : Buffer.alloc(0);
  if (!/^application\/(grpc|connect\+)/i.test(contentType)) return message;
  return Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
