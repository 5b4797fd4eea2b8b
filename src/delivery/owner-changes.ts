/** Follows what the owners of instances change: tells consumers of it, or closes them. */

import type { ControlFrame } from "../../gen/frames.js";
import type { DirectoryListener } from "../directory/directory.js";
import {
  type Close,
  disconnectedByOperator,
  instanceDeleted,
  plainDisconnectedByOperator,
  tokenRevoked,
} from "../domain/closes.js";
import type { Consumer } from "./consumer.js";
import { configChangedFrame } from "./control-frames.js";
import type { Stream } from "./stream.js";
import type { StreamGroup } from "./stream-group.js";
import type { StreamRegistry } from "./stream-registry.js";
import type { Turns } from "./turns.js";

export interface OwnerChangesOptions {
  readonly registry: StreamRegistry;
  readonly turns: Pick<Turns, "atEnd">;
  readonly announce: (stream: Stream, control: ControlFrame) => void;
  /** Closes those consumers of a group for which `whom` is true. */
  readonly closeOf: (group: StreamGroup | undefined, close: Close, whom: (consumer: Consumer) => boolean) => void;
}

export function createOwnerChanges({ registry, turns, announce, closeOf }: OwnerChangesOptions): DirectoryListener {
  return {
    instanceChanged(entry) {
      const { id, accountId } = entry.instance;
      const instance = registry.instance(id);
      if (instance !== undefined)
        for (const stream of instance.configure(entry))
          announce(stream, configChangedFrame(instance.configuration, stream.filter));
      registry.account(accountId)?.tellChange(entry, "changed", announce);
    },

    instanceCreated(instanceId, accountId) {
      const account = registry.account(accountId);
      const entry = account?.entry(instanceId);
      if (entry !== undefined) account?.tellChange(entry, "created", announce);
    },

    instanceDeleted(instanceId, { accountId, name, nameTaken }) {
      turns.atEnd(() => closeOf(registry.instance(instanceId), instanceDeleted, () => true));
      // The instance that has the name now was told of already.
      if (!nameTaken) registry.account(accountId)?.tellDeletion(name, announce);
    },

    principalRevoked(principal) {
      turns.atEnd(() => {
        const { kind, id, accountId } = principal;
        const groups = kind === "account" ? registry.ofAccount(accountId) : [registry.instance(id)];
        for (const group of groups) closeOf(group, tokenRevoked, (consumer) => consumer.principal === principal);
      });
    },

    consumersDisconnected({ kind, id, accountId }) {
      turns.atEnd(() => {
        const groups = kind === "account" ? registry.ofAccount(accountId) : [registry.instance(id)];
        for (const group of groups) {
          closeOf(group, disconnectedByOperator, hasControlFrames);
          closeOf(group, plainDisconnectedByOperator, () => true);
        }
      });
    },
  };
}

function hasControlFrames({ stream }: Consumer): boolean {
  return stream.view.format.controlFrame !== undefined;
}
