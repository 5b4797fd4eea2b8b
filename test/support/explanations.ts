/**
 * Makes the same call by hand over REST, Connect, gRPC-Web and gRPC, and reads what the answer says beside its text.
 */

import { ConnectError } from "@connectrpc/connect";
import { errorFromJson } from "@connectrpc/connect/protocol-connect";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import { trailerParse } from "@connectrpc/connect/protocol-grpc-web";
import { BadRequestSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { openH2 } from "./h2-client.js";

/** The reason, field and rule beside the text of a refusal. */
export interface Explanation {
  readonly header: string | null;
  readonly retryAfter: string | null;
  readonly violations: readonly { readonly field: string; readonly description: string }[];
  readonly retrySeconds: number | undefined;
}

export async function connectExplanation(response: Response): Promise<Explanation> {
  const error = errorFromJson((await response.json()) as object as never, undefined, new ConnectError("no error"));
  return { ...headersOf(response.headers), ...detailsOf(error) };
}

/** `body` is a message in its envelope. */
export async function grpcWebExplanation(response: Response): Promise<Explanation> {
  const bytes = Buffer.from(await response.arrayBuffer());
  return trailerExplanation(trailerParse(bytes.subarray(5)));
}

export async function grpcExplanation(
  port: number,
  path: string,
  headers: Record<string, string>,
  body: Uint8Array,
): Promise<Explanation> {
  const client = await openH2(port);
  const stream = client.post(path, { "content-type": "application/grpc", te: "trailers", ...headers });
  stream.end(body);
  const { trailers } = await stream.done();
  client.close();
  return trailerExplanation(new Headers(Object.entries(trailers as Record<string, string>)));
}

function trailerExplanation(trailer: Headers): Explanation {
  return { ...headersOf(trailer), ...detailsOf(findTrailerError(trailer)) };
}

function headersOf(headers: Headers): Pick<Explanation, "header" | "retryAfter"> {
  return { header: headers.get("eventwire-error"), retryAfter: headers.get("retry-after") };
}

function detailsOf(error: ConnectError | undefined): Pick<Explanation, "violations" | "retrySeconds"> {
  const [bad] = error?.findDetails(BadRequestSchema) ?? [];
  const [retry] = error?.findDetails(RetryInfoSchema) ?? [];
  return {
    violations: bad?.fieldViolations.map(({ field, description }) => ({ field, description })) ?? [],
    retrySeconds: retry && Number(retry.retryDelay?.seconds),
  };
}

/** A message as gRPC and gRPC-Web send it. */
export function envelope(message: Uint8Array, flags = 0): Buffer {
  const head = Buffer.alloc(5);
  head[0] = flags;
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}
