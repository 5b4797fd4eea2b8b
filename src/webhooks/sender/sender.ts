/**
 * Sends the requests of webhooks, over connections that stay open for the next request. Whether, when and in which order
 * a delivery is tried again is not decided here.
 */

import type { Agent } from "undici";
import type { EventType } from "../../domain/event-type.js";
import { createAddressGuard } from "./address-guard.js";
import { Answer, type Ending } from "./answer.js";
import { AwaitedAnswers } from "./awaited-answers.js";
import { createNameLookup } from "./name-lookup.js";
import { type AttemptCause, attemptCauses, type Outcome, stoppedFailure } from "./outcome.js";
import { headersOf, type PreparedTarget, prepareTarget } from "./prepared-target.js";
import { requestTarget } from "./request-url.js";

/** Where and how a webhook wants its events. */
export interface WebhookTarget {
  /** As configured: an absolute http or https URL. */
  readonly url: string;
  /** Whether the path gets the event type as one more segment. */
  readonly byEvents: boolean;
  /**
   * The value of `Authorization`, sent as it is. Undefined or empty: the value for the user and password in the URL, if
   * the URL has them.
   */
  readonly authorization: string | undefined;
  /** The secret (`whsec_…`), and the secret before while both are valid. Without a secret, requests are not signed. */
  readonly secrets: readonly string[];
  /** Time for a whole attempt: look-up, connection, request and answer. From 1 to 30. */
  readonly timeoutSeconds: number;
}

/** What one attempt sends. */
export interface WebhookMessage {
  /** The id of the event, the same on every attempt. */
  readonly id: string;
  readonly type: EventType;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** The plain frame of the event. */
  readonly body: Uint8Array;
}

/** How an attempt ended. */
export interface Attempt {
  readonly outcome: Outcome;
  /** The name of the ending for metrics and log lines. */
  readonly cause: AttemptCause;
  /** The status of the answer. Undefined when there was no answer. */
  readonly status: number | undefined;
  /** How long the attempt took, in whole milliseconds. */
  readonly ms: number;
  /** Why there was no answer, as one sentence without host, address or part of the URL. Undefined with an answer. */
  readonly error: string | undefined;
  /** The first 1,024 bytes of the answer's body as text. Undefined when the answer had no body. */
  readonly responseHead: string | undefined;
  /** What the answer asked for in `Retry-After`, at most 3,600,000. Undefined when the answer asked for nothing. */
  readonly retryAfterMs: number | undefined;
}

export interface WebhookSender {
  /**
   * Makes one attempt. The sender remembers the target object with what it has prepared for it, so use one object for as
   * long as a configuration lasts. When `signal` is aborted, the attempt ends with the cause `stopped`. Never rejects.
   */
  send(target: WebhookTarget, message: WebhookMessage, signal?: AbortSignal): Promise<Attempt>;
  /** Ends all attempts under way, and closes all connections. */
  close(): Promise<void>;
}

export interface SenderOptions {
  /** The version of the program, for the header `User-Agent`. */
  readonly version: string;
  /** Ranges in CIDR notation that are allowed besides public addresses: the setting WEBHOOK_ALLOW_PRIVATE. */
  readonly allowPrivate: readonly string[];
  /** Addresses of name servers, with their ports. Undefined: those of the machine. */
  readonly nameServers?: readonly string[] | undefined;
}

export function createWebhookSender({ version, allowPrivate, nameServers }: SenderOptions): WebhookSender {
  const guard = createAddressGuard(allowPrivate);
  const lookUp = createNameLookup({ servers: nameServers });
  let opening: Promise<Agent> | undefined;
  let agent: Agent | undefined;
  let closed = false;
  const prepared = new WeakMap<WebhookTarget, PreparedTarget>();
  const awaited = new AwaitedAnswers();

  async function openAgent(): Promise<Agent> {
    const { createAgent } = await import("./agent.js");
    agent = createAgent(guard, lookUp);
    return agent;
  }

  function prepare(target: WebhookTarget): PreparedTarget {
    let found = prepared.get(target);
    if (found === undefined) {
      found = prepareTarget(target, `Eventwire/${version}`);
      prepared.set(target, found);
    }
    return found;
  }

  function attempt(
    over: Agent,
    target: WebhookTarget,
    message: WebhookMessage,
    signal: AbortSignal | undefined,
  ): Promise<Attempt> {
    return new Promise((resolve) => {
      const start = performance.now();
      const answer = new Answer(target.timeoutSeconds, (ending) => {
        awaited.delete(answer, signal);
        const made = attemptOf(ending, Math.round(performance.now() - start));
        // undici uses a connection again one turn of the event loop after the answer. So the next request of an ordered
        // webhook comes after that turn, and needs no second connection.
        queueMicrotask(() => setImmediate(resolve, made));
      });
      if (closed || signal?.aborted) return answer.stop(stoppedFailure);
      awaited.add(answer, signal);
      try {
        const ready = prepare(target);
        const path = requestTarget(ready.url, target.byEvents ? message.type : undefined);
        const headers = headersOf(ready, message, Math.floor(Date.now() / 1000));
        over.dispatch({ origin: ready.url.origin, path, method: "POST", headers, body: message.body }, answer);
      } catch (error) {
        answer.onResponseError(undefined, error);
      }
    });
  }

  return {
    send(target, message, signal) {
      if (agent !== undefined) return attempt(agent, target, message, signal);
      opening ??= openAgent();
      return opening.then((over) => attempt(over, target, message, signal));
    },
    async close() {
      closed = true;
      awaited.stop();
      await (await opening)?.destroy();
    },
  };
}

function attemptOf({ cause, sentence, status, head, retryAfterMs }: Ending, ms: number): Attempt {
  const error = status === undefined ? sentence : undefined;
  return { outcome: attemptCauses[cause], cause, status, ms, error, responseHead: head, retryAfterMs };
}
