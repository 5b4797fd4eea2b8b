/** The standard service `grpc.health.v1.Health`. A node gives the same answer for each of its services. */

import type { DescService } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../../gen/grpc/health/v1/health_pb.js";
import { toConnectError } from "../../rpc/errors/rpc-error.js";
import { enter } from "../../rpc/protocols/call-context.js";

export interface ServiceHealthOptions {
  readonly services: readonly DescService[];
  /** Returns the reason why this node cannot serve, or undefined when the node can serve. */
  readonly trouble: () => Promise<string | undefined>;
  /**
   * Aborted when the node begins to shut down. From then on the answer is NOT_SERVING, and open watches get this answer
   * at once.
   */
  readonly draining: AbortSignal;
  /** Aborted when the node closes. Open watches then end, after a last NOT_SERVING. */
  readonly shutdown: AbortSignal;
  /** Time between two checks that a watch makes, in milliseconds. */
  readonly watchIntervalMs: number;
}

export function addHealth(router: ConnectRouter, options: ServiceHealthOptions): void {
  const { services, trouble, draining, shutdown, watchIntervalMs } = options;
  const names = new Set(["", Health.typeName, ...services.map(({ typeName }) => typeName)]);

  const leaving = (): boolean => draining.aborted || shutdown.aborted;

  async function status(): Promise<Status> {
    const healthy = !leaving() && (await trouble()) === undefined;
    return healthy && !leaving() ? Status.SERVING : Status.NOT_SERVING;
  }

  router.service(Health, {
    async check({ service }, context) {
      admit(context);
      if (!names.has(service)) throw new ConnectError("Unknown service", Code.NotFound);
      return { status: await status() };
    },

    async list(_, context) {
      admit(context);
      const now = await status();
      return { statuses: Object.fromEntries([...names].map((name) => [name, { status: now }])) };
    },

    async *watch({ service }, context) {
      admit(context);
      const ends = [context.signal, shutdown];
      let told: Status | undefined;
      for (;;) {
        const now = names.has(service) ? await status() : Status.SERVICE_UNKNOWN;
        if (now !== told) yield { status: now };
        told = now;
        if (ends.some((signal) => signal.aborted)) return;
        // A signal wakes only a watch that waits already. When the node began to leave before this line, the watch
        // checks again at once.
        if (now !== Status.SERVING || !leaving()) await pause(watchIntervalMs, [...ends, draining]);
      }
    },
  });
}

function admit(context: HandlerContext): void {
  const { refusal } = enter(context).admission;
  if (refusal !== undefined) throw toConnectError(refusal);
}

/** Waits for `ms` milliseconds, or until one of the signals is aborted. */
function pause(ms: number, signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      for (const signal of signals) signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    for (const signal of signals) signal.addEventListener("abort", done);
  });
}
