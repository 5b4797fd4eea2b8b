/** The bus of a single node: a direct call. */

import type { Bus, Event, Handler } from "./bus.js";

export function createMemoryBus(): Bus {
  const handlers = new Map<string, Handler>();
  return {
    publish(event: Event) {
      handlers.get(event.instanceId)?.(event);
    },
    hasSubscriber: (instanceId) => handlers.has(instanceId),
    subscribe(instanceId, handler) {
      handlers.set(instanceId, handler);
      return () => {
        if (handlers.get(instanceId) === handler) handlers.delete(instanceId);
      };
    },
    async close() {
      handlers.clear();
    },
  };
}
