/** Counts and times the calls of every face, between the faces and the API that answers them. */

import { Bucket } from "../gen/eventwire/v1/policy_pb.js";
import { AppError } from "./domain/errors.js";
import type { Metrics } from "./metrics.js";
import type { Admission, Api } from "./rpc/api.js";
import { readPolicy } from "./rpc/policy.js";

export function observeApi(api: Api, metrics: Metrics): Api {
  function counted(admission: Admission, bucket: Bucket): Admission {
    if (admission.refusal?.reason === "RATE_LIMITED") metrics.rateLimited(Bucket[bucket].toLowerCase());
    return admission;
  }

  return {
    async admit(method, credentials) {
      return counted(await api.admit(method, credentials), readPolicy(method).bucket);
    },

    async admitUpgrade(bucket, credentials) {
      return counted(await api.admitUpgrade(bucket, credentials), bucket);
    },

    async call(method, admission, instance, decode) {
      const name = `${method.parent.name}/${method.name}`;
      const started = performance.now();
      try {
        const answer = await api.call(method, admission, instance, decode);
        metrics.callAnswered(name, "ok");
        return answer;
      } catch (error) {
        metrics.callAnswered(name, AppError.from(error).code);
        throw error;
      } finally {
        if (admission.refusal === undefined) metrics.callTook(name, (performance.now() - started) / 1000);
      }
    },

    async *stream(method, admission, requests) {
      const name = `${method.parent.name}/${method.name}`;
      try {
        yield* api.stream(method, admission, requests);
        metrics.callAnswered(name, "ok");
      } catch (error) {
        metrics.callAnswered(name, AppError.from(error).code);
        throw error;
      }
    },
  };
}
