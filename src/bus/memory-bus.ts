/** The bus of a node that runs alone. `publish` calls the handlers of the event's instance and account directly. */

import type { Bus, BusStats, Event, EventHandler, Subscription } from "./bus.js";

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
  const instances = new Map<string, EventHandler>();
  const accounts = new Map<string, EventHandler>();

  function subscribe(handlers: Map<string, EventHandler>, id: string, handler: EventHandler): Subscription {
    if (handlers.has(id)) throw new Error(`somebody is subscribed to ${id} already`);
    handlers.set(id, handler);
    return {
      inForce: undefined,
      stop() {
        if (handlers.get(id) === handler) handlers.delete(id);
      },
    };
  }

  return {
    stats: emptyBusStats(),
    // There are no gaps to tell of, because an event that reaches its handler by a function call cannot get lost.
    watchGaps() {},
    publish(event: Event) {
      const handler = instances.get(event.instanceId);
      const ofAccount = accounts.size === 0 ? undefined : accounts.get(event.accountId);
      handler?.(event);
      ofAccount?.(event);
      return handler !== undefined || ofAccount !== undefined;
    },
    flush: () => undefined,
    subscribe: ({ id }, handler) => subscribe(instances, id, handler),
    subscribeAccount: (accountId, handler) => subscribe(accounts, accountId, handler),
    hasOlderNodes: () => false,
    watchOlderNodes: () => undefined,
    trouble: () => undefined,
    async close() {
      instances.clear();
      accounts.clear();
    },
  };
}
