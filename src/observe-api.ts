/** Counts and times the calls of every face, between the faces and the API that answers them. */

import type { DescMethod } from "@bufbuild/protobuf";
import { Bucket } from "../gen/eventwire/v1/policy_pb.js";
import type { CallStats } from "./call-stats.js";
import { AppError } from "./domain/errors.js";
import type { Metrics } from "./metrics.js";
import type { Api } from "./rpc/api.js";
import { readPolicy } from "./rpc/policy.js";

export function observeApi(api: Api, metrics: Metrics): Api {
  const calls = new Map<DescMethod, CallStats>();

  function callsOf(method: DescMethod): CallStats {
    let found = calls.get(method);
    if (found === undefined) {
      found = metrics.call(`${method.parent.name}/${method.name}`);
      calls.set(method, found);
    }
    return found;
  }

  function countRate({ reason }: AppError, bucket: Bucket): void {
    if (reason === "RATE_LIMITED") metrics.rateLimited(Bucket[bucket].toLowerCase());
  }

  return {
    /** A face may answer a refused admission by itself, so a refusal counts here and not where it is thrown. */
    async admit(method, credentials) {
      const admission = await api.admit(method, credentials);
      const { refusal } = admission;
      if (refusal !== undefined) {
        callsOf(method).answered(refusal.code);
        countRate(refusal, readPolicy(method).bucket);
      }
      return admission;
    },

    async admitUpgrade(bucket, credentials) {
      const admission = await api.admitUpgrade(bucket, credentials);
      if (admission.refusal !== undefined) countRate(admission.refusal, bucket);
      return admission;
    },

    async call(method, admission, instance, decode) {
      if (admission.refusal !== undefined) return api.call(method, admission, instance, decode);
      const observed = callsOf(method);
      const started = performance.now();
      try {
        const answer = await api.call(method, admission, instance, decode);
        observed.answered("ok");
        return answer;
      } catch (error) {
        observed.answered(AppError.from(error).code);
        throw error;
      } finally {
        observed.took((performance.now() - started) / 1000);
      }
    },

    async *stream(method, admission, requests) {
      const observed = admission.refusal === undefined ? callsOf(method) : undefined;
      try {
        yield* api.stream(method, admission, requests);
        observed?.answered("ok");
      } catch (error) {
        observed?.answered(AppError.from(error).code);
        throw error;
      }
    },
  };
}
