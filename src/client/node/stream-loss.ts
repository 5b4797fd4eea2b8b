/** What the end of a publishing stream means for the events without an answer. */

import { Code, type ConnectError } from "@connectrpc/connect";
import { neverConnected } from "./network-error.js";
import { PublishError } from "./publish-error.js";

export interface StreamLoss {
  /** What became of the batches that were handed to the stream and have no answer. */
  readonly batches: "not sent" | PublishError["outcome"];
  /** True when a new stream would end in the same way. */
  readonly isFinal: boolean;
  readonly describe: (outcome: PublishError["outcome"]) => PublishError;
}

/** With these codes the gateway refuses a stream before it reads an event. */
const refusals = new Set([Code.Unauthenticated, Code.PermissionDenied]);
/** With these codes the call is wrong, or the peer is no gateway. */
const mistakes = new Set([Code.InvalidArgument, Code.Unimplemented, Code.NotFound]);

export function lossOf(error: ConnectError): StreamLoss {
  const unreachable = neverConnected(error);
  const isRefusal = refusals.has(error.code);
  const [said] = error.metadata.get("eventwire-error")?.split(";") ?? [];
  const reason = said ?? (unreachable ? "UNREACHABLE" : "CONNECTION_LOST");
  return {
    batches: unreachable ? "not sent" : isRefusal ? "not published" : "unknown",
    isFinal: isRefusal || mistakes.has(error.code),
    describe: (outcome) => new PublishError(reason, error.rawMessage, outcome, { cause: error }),
  };
}
