/** The error envelope, for requests that speak none of the RPC protocols. */

import type { UniversalServerResponse } from "@connectrpc/connect/protocol";
import type { AppError } from "../domain/errors.js";

export function envelopeResponse(
  { message, status: usual }: AppError,
  status: number = usual,
  extra: Record<string, string> = {},
): UniversalServerResponse {
  const body = Buffer.from(JSON.stringify({ success: false, error: { message } }));
  const header = new Headers({ ...extra, "content-type": "application/json; charset=utf-8" });
  header.set("content-length", String(body.length));
  return { status, header, body: once(body) };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
