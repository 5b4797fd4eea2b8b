/** Reads the code of an error out of a response that the library wrote, in any of the three protocols. */

import { Code } from "@connectrpc/connect";
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";

/** HTTP status of RESOURCE_EXHAUSTED in Connect. */
const tooManyRequests = 429;

/** Only the one code that means something else than "not readable" is told apart. Consumes the response. */
export async function errorCode({ status, trailer, body }: UniversalServerResponse): Promise<Code | undefined> {
  const exhausted = String(Code.ResourceExhausted);
  if (status === tooManyRequests || trailer?.get("grpc-status") === exhausted) return Code.ResourceExhausted;
  const chunks: Uint8Array[] = [];
  for await (const chunk of body ?? []) chunks.push(chunk);
  const trailerText = Buffer.concat(chunks).toString("latin1");
  return /^grpc-status: *(\d+)/im.exec(trailerText.slice(5))?.[1] === exhausted ? Code.ResourceExhausted : undefined;
}
