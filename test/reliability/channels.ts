/**
 * The instances that the driver publishes to. Some have a filter. One has frames so large that a frozen reader soon
 * becomes a slow consumer.
 */

import { type EventType, eventTypes } from "../../src/domain/event-type.js";
import { until } from "../support/until.js";
import type { Cluster, NodeProcess } from "./cluster.js";

export interface Channel {
  readonly index: number;
  readonly name: string;
  /** The filter of the instance; empty means all types. */
  readonly events: readonly EventType[];
  readonly paddingBytesMax: number;
}

const filters: readonly (readonly EventType[])[] = [[], ["label.update", "call.update"], [], eventTypes.slice(0, 3)];

/** Creates the instances at the first node. All nodes know them afterwards. The last one has the large frames. */
export async function makeChannels(cluster: Cluster, count: number): Promise<Channel[]> {
  const channels = Array.from({ length: count }, (_, index) => ({
    index,
    name: `ledger-${index}`,
    events: index === count - 1 ? [] : (filters[index % filters.length] as readonly EventType[]),
    paddingBytesMax: index === count - 1 ? 128 * 1024 : 600,
  }));
  const processes = cluster.nodes.map(({ running }) => running as NodeProcess);
  for (const { name, events } of channels) {
    const body = { name, websocketEnabled: true, websocketEvents: events };
    const { status } = await cluster.call(processes[0] as NodeProcess, "POST", "/api/instance/new", body);
    if (status !== 201) throw new Error(`${name} was not made: ${status}`);
    for (const process of processes) {
      await until(async () => (await cluster.call(process, "GET", `/ws/${name}`)).status === 426);
    }
  }
  return channels;
}

export function takes({ events }: Channel, type: EventType): boolean {
  return events.length === 0 || events.includes(type);
}
