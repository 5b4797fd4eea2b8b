/** Opens the bus that fits the settings: NATS between nodes and between workers, or none for a process alone. */

import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import type { Bus, Event } from "./bus/bus.js";
import { createMemoryBus } from "./bus/memory-bus.js";
import { openNatsBus } from "./bus/nats-bus.js";
import type { NatsWay } from "./bus/nats-choice.js";
import type { Directory } from "./directory/directory.js";
import type { Settings } from "./settings/settings.js";
import type { Parent } from "./workers/parent.js";

export function openBus(settings: Settings, logger: Logger, directory: Directory, parent?: Parent): Promise<Bus> {
  const way = wayToNats(settings, parent);
  if (way === undefined) return Promise.resolve(createMemoryBus());
  return openNatsBus({
    nats: { subjectPrefix: settings.natsSubjectPrefix, way },
    mayBeWanted: (event) => mayBeWanted(directory, event),
    logger,
  });
}

/** Undefined for a process without others. */
function wayToNats(settings: Settings, parent: Parent | undefined): NatsWay | undefined {
  if (parent?.nats !== undefined) return { addressFile: parent.nats.addressFile };
  if (settings.natsUrl === undefined) return undefined;
  return {
    servers: settings.natsUrl,
    user: settings.natsUser,
    password: settings.natsPassword,
    token: settings.natsToken,
    nkeyFile: settings.natsNkeyFile,
    credsFile: settings.natsCredsFile,
    tlsCa: settings.natsTlsCa,
    tlsCert: settings.natsTlsCert,
    tlsKey: settings.natsTlsKey,
  };
}

/** The same for all processes that hear each other's events. Where NATS_URL names one, it is taken to be the same NATS. */
export function busName(settings: Settings, parent?: Parent): string {
  if (parent?.nats !== undefined) return parent.nats.name;
  return settings.natsUrl === undefined ? `alone ${randomUUID()}` : `nats ${settings.natsSubjectPrefix}`;
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
