/** Creates the API, which runs the calls of the contract alike, whichever protocol a call comes over. */

import type { DescMethod, Message } from "@bufbuild/protobuf";
import type { Logger } from "pino";
import { EventService, type PublishEventsRequest } from "../../gen/eventwire/v1/event_service_pb.js";
import { type SubscribeRequest, SubscriptionService } from "../../gen/eventwire/v1/subscription_service_pb.js";
import type { Directory } from "../directory/directory.js";
import { AppError } from "../domain/errors.js";
import type { Principal } from "../domain/instance.js";
import type { Deliveries } from "../service/deliveries.js";
import type { Health } from "../service/health.js";
import type { Instances } from "../service/instances.js";
import type { KeyedPublishing } from "../service/keyed-publishing.js";
import type { Publishing } from "../service/publishing.js";
import type { Tickets } from "../service/tickets.js";
import type { Webhooks } from "../service/webhooks.js";
import type { Websockets } from "../service/websockets.js";
import { createAddressedInstances } from "./admission/addressed-instance.js";
import { createAdmission } from "./admission/admission.js";
import type { Admission, Api } from "./api.js";
import { describeCause } from "./errors/failure-log.js";
import { compareAnswers } from "./errors/listed-errors.js";
import type { OnChange } from "./methods/control-change.js";
import { createDeliveryMethods } from "./methods/delivery-methods.js";
import { createEventMethods } from "./methods/event-methods.js";
import { createHealthMethods } from "./methods/health-methods.js";
import { requireImplemented } from "./methods/implemented.js";
import { createInstanceMethods } from "./methods/instance-methods.js";
import { type Answer, LongAnswer } from "./methods/long-answer.js";
import type { Call, Method } from "./methods/method.js";
import { createTicketMethods } from "./methods/ticket-methods.js";
import { createWebhookMethods } from "./methods/webhook-methods.js";
import { createWebsocketMethods } from "./methods/websocket-methods.js";
import { readPolicies } from "./policy.js";
import type { RateLimiter } from "./rate-limit/rate-limiter.js";
import { services } from "./services.js";
import { createEventStream } from "./streams/event-stream.js";
import type { FrameStreams } from "./streams/frame-streams.js";
import { createSubscribe, type SubscribeCaller, type Subscription } from "./streams/subscribing.js";
import { createValidation } from "./validation.js";

export interface ApiOptions {
  readonly directory: Directory;
  readonly websockets: Websockets;
  readonly webhooks: Webhooks;
  readonly deliveries: Deliveries;
  readonly instances: Instances;
  readonly publishing: Publishing;
  readonly tickets: Tickets;
  readonly keyed: KeyedPublishing;
  readonly health: Health;
  readonly frames: FrameStreams;
  readonly limiter: RateLimiter;
  readonly onChange: OnChange;
  readonly logger: Logger;
}

/** Creates the API. Throws when a method of the contract has no policy or no implementation. */
export function createApi(options: ApiOptions): Api {
  const { logger } = options;
  const policies = readPolicies(services);
  const addressed = createAddressedInstances(options);
  const validation = createValidation(services.flatMap(({ methods }) => methods.map(({ input }) => input)));
  const stream = createEventStream(options);
  const methods = new Map(
    [
      ...createWebsocketMethods(options),
      ...createWebhookMethods(options),
      ...createDeliveryMethods(options),
      ...createInstanceMethods({ ...options, validation }),
      ...createEventMethods(options),
      ...createTicketMethods(options),
      ...createHealthMethods(options),
    ].map((method) => [method.desc as DescMethod, method]),
  );
  const streams = new Map<DescMethod, OpenStream>([
    [
      EventService.method.publishEvents,
      (principal) => {
        const answer = stream.open(principal);
        return (batch) => answer(batch as PublishEventsRequest);
      },
    ],
  ]);
  const subscribe = createSubscribe({ addressed, frames: options.frames, validation });
  const serverStreams = new Map<DescMethod, OpenFrames>([
    [SubscriptionService.method.subscribe, (caller, request) => subscribe(caller, request as SubscribeRequest)],
  ]);
  requireImplemented(policies.keys(), {
    unary: new Set(methods.keys()),
    serverStreams: new Set(serverStreams.keys()),
    streams: new Set(streams.keys()),
  });
  const comparisons = new Map([...policies.keys()].map((desc) => [desc, compareAnswers(desc)]));

  /**
   * Finds the instance that a call names. Finds none when anybody may call the method, or when its request has no field
   * `instance`. Throws or rejects when the instance does not exist, or the token is that of another one. Returns a
   * promise only when the method looks instances up in the database.
   */
  function resolve(method: Method, { principal }: Admission, name = ""): Call | Promise<Call> {
    if (principal === undefined || method.desc.input.field.instance === undefined)
      return { principal, instance: undefined, entry: undefined };
    if (method.instanceFrom === "memory") {
      const entry = addressed.entry(principal, name);
      return { principal, instance: entry.instance, entry };
    }
    return addressed.instance(principal, name).then((instance) => ({ principal, instance, entry: undefined }));
  }

  function run(method: Method, call: Call, decode: Decode): Answer | Promise<Answer> {
    const runWith = (request: Message) => {
      if (!method.checksRequest) validation.check(method.desc.input, request);
      return method.run(request, call);
    };
    const request = decoded(decode);
    return request instanceof Promise ? request.then(runWith) : runWith(request);
  }

  /**
   * Turns an error into the AppError for the client. Logs the error if its status is 500 or above and the reason is not
   * that the node shuts down. Failures of methods are logged only here.
   */
  function report(error: unknown, desc: DescMethod, instanceId: string | undefined): AppError {
    const failure = AppError.from(error);
    comparisons.get(desc)?.(failure.reason);
    if (failure.status >= 500 && failure.reason !== "SHUTTING_DOWN") {
      const method = `${desc.parent.typeName}/${desc.name}`;
      logger.error({ reason: failure.reason, method, instanceId, err: describeCause(failure) }, failure.message);
    }
    return failure;
  }

  return {
    ...createAdmission({ ...options, policies }),

    call(desc, admission, instance, decode) {
      let call: Call | undefined;
      const fail = (error: unknown): never => {
        throw report(error, desc, call?.instance?.id);
      };
      /**
       * The rest of a long answer is read after `call` has returned. When that reading fails, `fail` reports the error
       * in the same way as an error of the method.
       */
      const watch = (answer: Answer): Answer => (answer instanceof LongAnswer ? answer.watched(fail) : answer);
      try {
        if (admission.refusal !== undefined) throw admission.refusal;
        const method = methods.get(desc);
        if (method === undefined) throw new Error(`${desc.name} is no unary method of the contract`);
        const proceed = (found: Call) => {
          call = found;
          return run(method, found, decode);
        };
        const found = resolve(method, admission, instance);
        const answer = found instanceof Promise ? found.then(proceed) : proceed(found);
        return answer instanceof Promise ? answer.then(watch, fail) : watch(answer);
      } catch (error) {
        return fail(error);
      }
    },

    async subscribe(desc, { principal, refusal, grant }, request) {
      try {
        if (refusal !== undefined) throw refusal;
        const open = serverStreams.get(desc);
        if (open === undefined || principal === undefined)
          throw new Error(`${desc.name} is no method of the contract that answers with a stream`);
        return await open({ principal, grant }, request);
      } catch (error) {
        throw report(error, desc, undefined);
      }
    },

    openStream(desc, admission) {
      const fail = (error: unknown): AppError => report(error, desc, undefined);
      const { principal, refusal } = admission;
      if (refusal !== undefined) throw fail(refusal);
      const open = streams.get(desc);
      if (open === undefined || principal === undefined)
        throw fail(new Error(`${desc.name} is no stream of the contract`));
      return {
        answer: open(principal),
        complete() {},
        fail,
      };
    },
  };
}

type OpenFrames = (caller: SubscribeCaller, request: Message) => Promise<Subscription>;

type OpenStream = (principal: Principal) => (request: Message) => Message | Promise<Message>;

type Decode = () => Message | Promise<Message>;

function decoded(decode: Decode): Message | Promise<Message> {
  try {
    const request = decode();
    return request instanceof Promise ? request.catch(unreadable) : request;
  } catch (cause) {
    return unreadable(cause);
  }
}

function unreadable(cause: unknown): never {
  throw cause instanceof AppError ? cause : new AppError("INVALID_REQUEST_BODY", { cause });
}
