/** Finds the instance that a call names, and refuses a caller who may not reach it. */

import type { Directory, Entry } from "../../directory/directory.js";
import { AppError } from "../../domain/errors.js";
import type { Instance, Principal } from "../../domain/instance.js";
import type { Instances } from "../../service/instances.js";

export interface AddressedInstances {
  /** Looks in memory; for events. Throws INSTANCE_MISMATCH or INSTANCE_NOT_FOUND. */
  entry(principal: Principal, name: string): Entry;
  /** Looks in the database, which alone is authoritative. Rejects with the same errors and with GET_INSTANCE_FAILED. */
  instance(principal: Principal, name: string): Promise<Instance>;
}

export function createAddressedInstances(options: { directory: Directory; instances: Instances }): AddressedInstances {
  const { directory, instances } = options;

  /**
   * This check comes before the look-up, because the holder of another instance's token must not learn which names
   * exist.
   */
  function refuseMismatch(principal: Principal, name: string): void {
    if (principal.kind === "instance" && directory.instanceById(principal.id)?.instance.name !== name)
      throw new AppError("INSTANCE_MISMATCH");
  }

  return {
    entry(principal, name) {
      refuseMismatch(principal, name);
      const entry = directory.instance(principal.accountId, name);
      if (entry === undefined) throw new AppError("INSTANCE_NOT_FOUND");
      return entry;
    },

    async instance(principal, name) {
      refuseMismatch(principal, name);
      const instance = await instances.find(principal.accountId, name);
      if (instance === undefined) throw new AppError("INSTANCE_NOT_FOUND");
      // The instance was deleted and created again under the same name since the token was looked up.
      if (principal.kind === "instance" && instance.id !== principal.id) throw new AppError("INSTANCE_MISMATCH");
      return instance;
    },
  };
}
