/** Reads the policies that the contract declares on its methods and on the upgrade. */

import { type DescMethod, type DescService, getOption, hasOption } from "@bufbuild/protobuf";
import { Caller, type Policy, policy, upgrade } from "../../gen/eventwire/v1/policy_pb.js";
import { WebsocketService } from "../../gen/eventwire/v1/websocket_service_pb.js";

export type Policies = ReadonlyMap<DescMethod, Policy>;

/**
 * Reads the policies of all methods. Throws when a method does not say who may call it, so that no method is open
 * because somebody forgot its policy.
 */
export function readPolicies(services: readonly DescService[]): Policies {
  return new Map(services.flatMap((service) => service.methods.map((method) => [method, readPolicy(method)] as const)));
}

/** The contract's policy for `GET /ws/{instance}`, the upgrade to a WebSocket. */
export const upgradePolicy: Policy = getOption(WebsocketService, upgrade);

/**
 * Reads the policy of one method. Throws when the method has no policy, or the policy does not say who may call the
 * method.
 */
export function readPolicy(method: DescMethod): Policy {
  const found = hasOption(method, policy) ? getOption(method, policy) : undefined;
  if (found === undefined || found.caller === Caller.UNSPECIFIED)
    throw new Error(`${method.parent.typeName}/${method.name} has no (policy) with a caller`);
  return found;
}
