/** A method without a policy does not start. */

import {
  clearExtension,
  clone,
  create,
  createFileRegistry,
  type DescMethod,
  getOption,
  setExtension,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, type MethodOptions, MethodOptionsSchema } from "@bufbuild/protobuf/wkt";
import { expect, it } from "vitest";
import { file_eventwire_v1_health_service, HealthService } from "../../gen/eventwire/v1/health_service_pb.js";
import { Bucket, Caller, PolicySchema, policy } from "../../gen/eventwire/v1/policy_pb.js";
import { WebsocketService } from "../../gen/eventwire/v1/websocket_service_pb.js";
import { readPolicies, readPolicy, upgradePolicy } from "../../src/rpc/policy.js";
import { services } from "../../src/rpc/services.js";

it("reads the policy of every method", () => {
  const policies = readPolicies(services);
  expect([...policies.keys()]).toEqual(services.flatMap(({ methods }) => methods));
  expect(policies.get(WebsocketService.method.setWebsocket)).toMatchObject({
    caller: Caller.ACCOUNT_OR_INSTANCE,
    bucket: Bucket.GLOBAL,
  });
});

it("reads the policy of the upgrade", () => {
  expect(upgradePolicy).toMatchObject({ caller: Caller.ACCOUNT_OR_INSTANCE, bucket: Bucket.GLOBAL });
});

it("throws for a method without a policy", () => {
  const method = checkHealthWith((options) => clearExtension(options, policy));
  expect(() => readPolicy(method)).toThrow("eventwire.v1.HealthService/CheckHealth has no (policy) with a caller");
});

it("throws for a policy without a caller", () => {
  const method = checkHealthWith((options) =>
    setExtension(options, policy, create(PolicySchema, { bucket: Bucket.GLOBAL })),
  );
  expect(getOption(method, policy).bucket).toBe(Bucket.GLOBAL);
  expect(() => readPolicies([method.parent])).toThrow("has no (policy) with a caller");
});

/** The contract with other options on one method. */
function checkHealthWith(change: (options: MethodOptions) => void): DescMethod {
  const file = clone(FileDescriptorProtoSchema, file_eventwire_v1_health_service.proto);
  const options = clone(
    MethodOptionsSchema,
    HealthService.method.checkHealth.proto.options ?? create(MethodOptionsSchema),
  );
  change(options);
  const proto = file.service[0]?.method[0];
  if (proto === undefined) throw new Error("the file has no method");
  proto.options = options;
  const known = new Map(file_eventwire_v1_health_service.dependencies.map((file) => [file.proto.name, file]));
  const registry = createFileRegistry(file, (name) => known.get(name));
  const method = registry.getService(HealthService.typeName)?.methods[0];
  if (method === undefined) throw new Error("the file has no method");
  return method;
}
