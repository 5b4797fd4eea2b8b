/**
 * Wraps the API that all protocols call. The wrapper counts the calls, the refusals and the calls that a rate limit
 * refused, and measures how long calls take.
 */

import type { DescMethod } from "@bufbuild/protobuf";
import { Bucket } from "../../gen/eventwire/v1/policy_pb.js";
import { AppError } from "../domain/errors.js";
import type { Admission, Api } from "../rpc/api.js";
import type { Answer } from "../rpc/methods/long-answer.js";
import { readPolicy } from "../rpc/policy.js";
import type { CallStats } from "./call-stats.js";
import type { Metrics } from "./metrics.js";

export function observeApi(api: Api, metrics: Metrics): Api {
  const calls = new Map<DescMethod, CallStats>();
  /**
   * The rate limit that counts each method. It is remembered, because reading it from the contract takes as long as
   * refusing a call.
   */
  const buckets = new Map<DescMethod, Bucket>();

  function callsOf(method: DescMethod): CallStats {
    let found = calls.get(method);
    if (found === undefined) {
      found = metrics.call(`${method.parent.name}/${method.name}`);
      calls.set(method, found);
    }
    return found;
  }

  function bucketOf(method: DescMethod): Bucket {
    const bucket = buckets.get(method) ?? readPolicy(method).bucket;
    buckets.set(method, bucket);
    return bucket;
  }

  function countRate({ reason }: AppError, bucket: Bucket): void {
    if (reason === "RATE_LIMITED") metrics.rateLimited(Bucket[bucket].toLowerCase());
  }

  return {
    /**
     * Counts each refused admission as an answered call. `call` does not count refusals, because a protocol may answer
     * a refusal without calling the method.
     */
    admit(method, credentials) {
      const count = (admission: Admission): Admission => {
        const { refusal } = admission;
        if (refusal === undefined) return admission;
        callsOf(method).answered(refusal.code);
        countRate(refusal, bucketOf(method));
        return admission;
      };
      const admission = api.admit(method, credentials);
      return admission instanceof Promise ? admission.then(count) : count(admission);
    },

    admitUpgrade(bucket, credentials) {
      const count = (admission: Admission): Admission => {
        if (admission.refusal !== undefined) countRate(admission.refusal, bucket);
        return admission;
      };
      const admission = api.admitUpgrade(bucket, credentials);
      return admission instanceof Promise ? admission.then(count) : count(admission);
    },

    call(method, admission, instance, decode) {
      if (admission.refusal !== undefined) return api.call(method, admission, instance, decode);
      const observed = callsOf(method);
      const started = performance.now();
      const succeed = (answer: Answer): Answer => {
        observed.answered("ok");
        observed.took((performance.now() - started) / 1000);
        return answer;
      };
      const fail = (error: unknown): never => {
        observed.answered(AppError.from(error).code);
        observed.took((performance.now() - started) / 1000);
        throw error;
      };
      let answer: Answer | Promise<Answer>;
      try {
        answer = api.call(method, admission, instance, decode);
      } catch (error) {
        return fail(error);
      }
      return answer instanceof Promise ? answer.then(succeed, fail) : succeed(answer);
    },

    /** A stream is counted when it is opened or refused. How it ends is counted with the other consumers. */
    async subscribe(method, admission, request) {
      const observed = callsOf(method);
      const started = performance.now();
      try {
        const subscription = await api.subscribe(method, admission, request);
        observed.answered("ok");
        return subscription;
      } catch (error) {
        observed.answered(AppError.from(error).code);
        throw error;
      } finally {
        observed.took((performance.now() - started) / 1000);
      }
    },

    openStream(method, admission) {
      const stream = api.openStream(method, admission);
      const observed = callsOf(method);
      return {
        answer: (request) => stream.answer(request),
        complete() {
          observed.answered("ok");
          stream.complete();
        },
        fail(error) {
          const failure = stream.fail(error);
          observed.answered(failure.code);
          return failure;
        },
      };
    },
  };
}
