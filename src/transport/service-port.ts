/** The service port: gRPC, Connect and gRPC-Web over HTTP/1.1 and HTTP/2, reflection, health and metrics, on one port. */

import type { Logger } from "pino";
import type { Handler } from "../rpc/handlers.js";

export interface ServicePortOptions {
  /** With `grpc: true` and the same `shutdown` signal that `close` of this port aborts first. */
  readonly handlers: readonly Handler[];
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** PEM texts. Without: cleartext, HTTP/2 with prior knowledge. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  /** Why this node cannot serve; undefined when it can. What `grpc.health.v1.Health` says. */
  readonly trouble: () => Promise<string | undefined>;
  /** The body of `GET /metrics`. */
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
  /** Aborted by `close`; hand its signal to the handlers. */
  readonly shutdown: AbortController;
  readonly logger: Logger;
}

export interface ServicePort {
  readonly port: number;
  /** Stops accepting, ends streams, lets calls in flight finish, cuts what is left after the deadline. Idempotent. */
  close(deadlineMs: number): Promise<void>;
}

/** Rejects with a sentence that names GRPC_PORT when it cannot listen. */
export declare function startServicePort(options: ServicePortOptions): Promise<ServicePort>;
