/** Opens the bus that fits the settings: NATS between nodes, Unix sockets between workers, or none for a process alone. */

import type { Logger } from "pino";
import type { Bus, Event } from "./bus/bus.js";
import { createMemoryBus } from "./bus/memory-bus.js";
import { openMeshBus } from "./bus/mesh-bus.js";
import { openNatsBus } from "./bus/nats-bus.js";
import type { Directory } from "./directory/directory.js";
import type { Settings } from "./settings.js";
import type { Parent } from "./workers/parent.js";

export function openBus(settings: Settings, logger: Logger, directory: Directory, parent?: Parent): Promise<Bus> {
  const wanted = (event: Event) => mayBeWanted(directory, event);
  if (settings.natsUrl !== undefined) {
    return openNatsBus({
      nats: {
        servers: settings.natsUrl,
        subjectPrefix: settings.natsSubjectPrefix,
        user: settings.natsUser,
        password: settings.natsPassword,
        token: settings.natsToken,
        nkeyFile: settings.natsNkeyFile,
        credsFile: settings.natsCredsFile,
        tlsCa: settings.natsTlsCa,
        tlsCert: settings.natsTlsCert,
        tlsKey: settings.natsTlsKey,
      },
      mayBeWanted: wanted,
      logger,
    });
  }
  if (parent === undefined) return Promise.resolve(createMemoryBus());
  const { directory: sockets, slot, join } = parent;
  return openMeshBus({ directory: sockets, name: `${slot}-${process.pid}`, join, mayBeWanted: wanted, logger });
}

/**
 * A channel that is disabled here, or not yet configured, tells nothing of other nodes: sockets that are still open keep the
 * last enabled filter, and a node that has heard of a first configuration some milliseconds earlier may have sockets.
 */
function mayBeWanted(directory: Directory, { instanceId, type }: Event): boolean {
  const websocket = directory.instanceById(instanceId)?.websocket;
  if (websocket === undefined || !websocket.enabled) return true;
  return websocket.events.length === 0 || websocket.events.includes(type);
}
