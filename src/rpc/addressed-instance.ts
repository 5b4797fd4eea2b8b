/** Finds the instance that a call is about, and refuses who may not reach it. */

import type { Directory, Entry } from "../directory/directory.js";
import { AppError } from "../domain/errors.js";
import type { Instance, Principal } from "../domain/instance.js";
import type { Instances } from "../service/instances.js";

export interface AddressedInstances {
  /** In memory, for events. Throws INSTANCE_MISMATCH or INSTANCE_NOT_FOUND. */
  entry(principal: Principal, name: string): Entry;
  /** In the database, which alone is authoritative. Rejects with the same and GET_INSTANCE_FAILED. */
  instance(principal: Principal, name: string): Promise<Instance>;
}

export function createAddressedInstances(options: { directory: Directory; instances: Instances }): AddressedInstances {
  const { directory, instances } = options;

  /** Before existence: another instance's token must not learn which names exist. */
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
      // Deleted and made anew under the same name since the token was looked up.
      if (principal.kind === "instance" && instance.id !== principal.id) throw new AppError("INSTANCE_MISMATCH");
      return instance;
    },
  };
}
