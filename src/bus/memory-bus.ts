/** The bus of a node that runs alone. `publish` calls the handler of the instance directly. */

import type { Bus, BusStats, Event, EventHandler } from "./bus.js";

export function emptyBusStats(): BusStats {
  return {
    sent: 0,
    unwanted: 0,
    unreached: 0,
    received: 0,
    missed: 0,
    interruptions: 0,
    interruptedMs: 0,
    slowConsumer: 0,
  };
}

export function createMemoryBus(): Bus {
  const handlers = new Map<string, EventHandler>();
  return {
    stats: emptyBusStats(),
    // Events of this node reach it by a call, which cannot get lost.
    watchGaps() {},
    publish(event: Event) {
      const handler = handlers.get(event.instanceId);
      if (handler === undefined) return false;
      handler(event);
      return true;
    },
    flush: () => undefined,
    subscribe(instanceId, handler) {
      if (handlers.has(instanceId)) throw new Error(`somebody is subscribed to ${instanceId} already`);
      handlers.set(instanceId, handler);
      return {
        inForce: undefined,
        stop() {
          if (handlers.get(instanceId) === handler) handlers.delete(instanceId);
        },
      };
    },
    trouble: () => undefined,
    async close() {
      handlers.clear();
    },
  };
}
