/** Finds the instance that a call names, and refuses a caller whose token does not allow that instance. */

import type { Directory, Entry } from "../../directory/directory.js";
import { AppError } from "../../domain/errors.js";
import type { Instance, Principal } from "../../domain/instance.js";
import type { Instances } from "../../service/instances.js";
import type { Grant } from "../../service/tickets.js";

export interface AddressedInstances {
  /**
   * Finds the instance in memory, which is enough to publish an event or to open a stream of frames. Throws
   * INSTANCE_MISMATCH or INSTANCE_NOT_FOUND.
   */
  entry(principal: Principal, name: string): Entry;
  /**
   * Finds in memory what a ticket opens: its instance, or the whole account when `name` is empty. Throws
   * INSTANCE_MISMATCH when the ticket is not for that, whether or not an instance of this name exists.
   */
  granted(grant: Grant, name: string): Entry | { readonly accountId: string };
  /**
   * Finds the instance in the database, which alone is authoritative. Rejects with INSTANCE_MISMATCH,
   * INSTANCE_NOT_FOUND or GET_INSTANCE_FAILED.
   */
  instance(principal: Principal, name: string): Promise<Instance>;
}

export function createAddressedInstances(options: { directory: Directory; instances: Instances }): AddressedInstances {
  const { directory, instances } = options;

  /**
   * Refuses the holder of another instance's token. This check comes before the look-up, because such a caller must not
   * learn which names exist.
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

    granted({ principal, instanceId }, name) {
      if (instanceId === null && name === "") return { accountId: principal.accountId };
      const entry = instanceId === null ? undefined : directory.instanceById(instanceId);
      if (entry?.instance.name !== name) throw new AppError("INSTANCE_MISMATCH");
      return entry;
    },

    async instance(principal, name) {
      refuseMismatch(principal, name);
      const instance = await instances.find(principal.accountId, name);
      if (instance === undefined) throw new AppError("INSTANCE_NOT_FOUND");
      // The ids differ when, after the token was looked up, the instance was deleted and another one was created under
      // its name.
      if (principal.kind === "instance" && instance.id !== principal.id) throw new AppError("INSTANCE_MISMATCH");
      return instance;
    },
  };
}
