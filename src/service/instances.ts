/** Finds, creates, lists and deletes the instances of an account. */

import { AppError } from "../domain/errors.js";
import type { Instance } from "../domain/instance.js";
import { websocketToSave } from "../domain/websocket.js";
import type { CreatedInstance, NewInstance, Store } from "../store/store.js";
import { failingAs } from "./failure.js";
import { createInstanceList, isPossibleName, type ListInstances } from "./instance-list.js";
import type { InstanceStatus } from "./instance-status.js";

export interface Instances {
  /**
   * Finds an instance by its name in the database. Undefined when no instance of the account has this name. Rejects
   * with GET_INSTANCE_FAILED.
   */
  find(accountId: string, name: string): Promise<Instance | undefined>;
  /**
   * Creates an instance, and its channel configuration and its webhook `default` if they are given. When only the
   * configuration cannot be stored, the instance exists without one, and `websocketFailure` in the answer says why;
   * `webhookFailure` says so of the webhook. Rejects with INVALID_REQUEST_BODY
   * for a token that is too short, INVALID_TOKEN when the account was revoked, INSTANCE_EXISTS, TOKEN_IN_USE,
   * QUOTA_EXCEEDED or CREATE_INSTANCE_FAILED.
   */
  create(instance: NewInstance): Promise<CreatedInstance>;
  /**
   * Lists instances, the oldest first. An account sees all of its instances, or the instances with the names that it
   * gave. An instance sees only itself. Rejects with INSTANCE_NOT_FOUND when an account gave exactly one name and no
   * instance of it has this name. Also rejects with INVALID_REQUEST_BODY for a wrong cursor or too many names, and with
   * LIST_INSTANCES_FAILED.
   */
  readonly list: ListInstances;
  /**
   * Deletes an instance. Rejects with INSTANCE_NOT_FOUND when the instance does not exist any more, or with
   * DELETE_INSTANCE_FAILED.
   */
  delete(instanceId: string): Promise<void>;
}

export interface InstancesOptions {
  readonly store: Store;
  readonly status: InstanceStatus;
  /**
   * Length in characters of the shortest token that a caller may choose for a new instance. A short token can be
   * guessed, and a guessed token opens the instance to a stranger.
   */
  readonly tokenLengthMin: number;
}

export function createInstances({ store, status, tokenLengthMin }: InstancesOptions): Instances {
  return {
    async find(accountId, name) {
      if (!isPossibleName(name)) return undefined;
      return failingAs("GET_INSTANCE_FAILED", store.findInstance(accountId, name));
    },

    async create(instance) {
      if (instance.token !== undefined && instance.token.length < tokenLengthMin) {
        const rule = `It must have at least ${tokenLengthMin} characters.`;
        throw new AppError("INVALID_REQUEST_BODY", { field: "token", rule });
      }
      const websocket = instance.websocket && websocketToSave(instance.websocket);
      return failingAs("CREATE_INSTANCE_FAILED", store.createInstance({ ...instance, websocket }));
    },

    list: createInstanceList({ store, status }),

    async delete(instanceId) {
      const deleted = await failingAs("DELETE_INSTANCE_FAILED", store.deleteInstance(instanceId));
      if (!deleted) throw new AppError("INSTANCE_NOT_FOUND");
    },
  };
}
