/** Finds, creates, lists and deletes the instances of an account. */

import { AppError } from "../domain/errors.js";
import type { Instance, Principal } from "../domain/instance.js";
import { websocketToSave } from "../domain/websocket.js";
import type { CreatedInstance, InstanceListing, NewInstance, Store } from "../store/store.js";
import { failingAs } from "./failure.js";
import type { InstanceStatus } from "./instance-status.js";

/** Names have at most 100 characters; one character is at most two of JavaScript's. */
const nameLengthMax = 200;

export interface Instances {
  /** Undefined: unknown. Rejects with GET_INSTANCE_FAILED. */
  find(accountId: string, name: string): Promise<Instance | undefined>;
  /**
   * Together with its configuration, if one is given. Rejects with INSTANCE_EXISTS, TOKEN_IN_USE, QUOTA_EXCEEDED or
   * CREATE_INSTANCE_FAILED.
   */
  create(instance: NewInstance): Promise<CreatedInstance>;
  /**
   * Oldest first. An account sees all of its instances, or those with `names`; an instance sees itself, whatever it
   * asks for. Rejects with INSTANCE_NOT_FOUND when one single unknown name was asked for, or LIST_INSTANCES_FAILED.
   */
  list(principal: Principal, names: readonly string[]): Promise<InstanceListing[]>;
  /** Rejects with INSTANCE_NOT_FOUND when it was gone already, or DELETE_INSTANCE_FAILED. */
  delete(instanceId: string): Promise<void>;
}

export function createInstances({ store, status }: { store: Store; status: InstanceStatus }): Instances {
  async function read(accountId: string, only?: { names: string[] } | { id: string }): Promise<InstanceListing[]> {
    const listings = await failingAs("LIST_INSTANCES_FAILED", store.listInstances(accountId, only));
    return listings.map((listing) => ({ ...listing, status: status.pending(listing.instance.id) ?? listing.status }));
  }

  return {
    async find(accountId, name) {
      if (!isPossibleName(name)) return undefined;
      return failingAs("GET_INSTANCE_FAILED", store.findInstance(accountId, name));
    },

    create: (instance) => {
      const websocket = instance.websocket && websocketToSave(instance.websocket);
      return failingAs("CREATE_INSTANCE_FAILED", store.createInstance({ ...instance, websocket }));
    },

    async list(principal, names) {
      if (principal.kind === "instance") return read(principal.accountId, { id: principal.id });
      const asked = [...new Set(names)];
      if (asked.length === 0) return read(principal.accountId);
      const possible = asked.filter(isPossibleName);
      const found = possible.length > 0 ? await read(principal.accountId, { names: possible }) : [];
      if (asked.length === 1 && found.length === 0) throw new AppError("INSTANCE_NOT_FOUND");
      return found;
    },

    async delete(instanceId) {
      const deleted = await failingAs("DELETE_INSTANCE_FAILED", store.deleteInstance(instanceId));
      if (!deleted) throw new AppError("INSTANCE_NOT_FOUND");
    },
  };
}

/** PostgreSQL has no text with U+0000: asking for one would be an error, not an answer. */
function isPossibleName(name: string): boolean {
  return name.length > 0 && name.length <= nameLengthMax && !name.includes("\0");
}
