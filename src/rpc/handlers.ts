/** The methods of the contract as Connect, gRPC-Web and gRPC handlers, admitted before their body is decoded. */

import type { DescMethod } from "@bufbuild/protobuf";
import type { UniversalServerRequest, UniversalServerResponse } from "@connectrpc/connect/protocol";
import type { Logger } from "pino";
import type { Api } from "./api.js";

export interface HandlersOptions {
  readonly api: Api;
  /** Whether gRPC is served too. It needs HTTP/2 trailers, so only the service port has it. */
  readonly grpc: boolean;
  /** Largest message of a method that carries an event (PUBLISH_MAX_BYTES); others end at 1 MiB. */
  readonly publishMaxBytes: number;
  /** Aborted when the server closes: open streams then end with UNAVAILABLE. */
  readonly shutdown?: AbortSignal | undefined;
  readonly logger: Logger;
}

/** One method on one path. Mount it for every HTTP method: it answers 405 and 415 itself, in the envelope. */
export interface Handler {
  /** `/<package>.<Service>/<Method>`. */
  readonly path: string;
  readonly method: DescMethod;
  /**
   * Never rejects. `request.header` has lower-case names; its `body` is an AsyncIterable of bytes and may be left
   * unread (a refusal), so the caller has to discard the rest. `request.url` must be absolute.
   */
  handle(request: UniversalServerRequest, remoteAddress: string): Promise<UniversalServerResponse>;
}

export declare function createHandlers(options: HandlersOptions): Handler[];
