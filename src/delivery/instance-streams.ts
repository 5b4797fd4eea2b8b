/** The streams of one instance. */

import type { Bus, Subscription } from "../bus/bus.js";
import type { Entry } from "../directory/directory.js";
import type { EventType } from "../domain/event-type.js";
import type { HistoryScope } from "../history/history.js";
import { type Configuration, configurationOf } from "./configuration.js";

import { InstanceSelection, takes } from "./selection.js";
import type { Stream } from "./stream.js";
import { type Introduction, StreamGroup, type StreamGroupOptions, type Whose } from "./stream-group.js";
import type { View } from "./view.js";

export class InstanceStreams extends StreamGroup<InstanceSelection> {
  protected readonly subscription: Subscription;
  #configuration: Configuration;

  constructor(entry: Entry, bus: Bus, options: StreamGroupOptions) {
    super(options);
    this.#configuration = configurationOf(entry);
    this.subscription = bus.subscribe(entry.instance, (event) => options.receive(this, event));
  }

  get id(): string {
    return this.#configuration.instance.id;
  }

  get accountId(): string {
    return this.#configuration.instance.accountId;
  }

  get configuration(): Configuration {
    return this.#configuration;
  }

  get whose(): Whose {
    const { id, name } = this.#configuration.instance;
    return { instanceId: id, instance: name };
  }

  get introduction(): Introduction {
    const { instance, version } = this.#configuration;
    return { instance: instance.name, version };
  }

  protected get historyScope(): HistoryScope {
    return { accountId: this.accountId, instanceId: this.id };
  }

  check(): void {}

  protected select(view: View): InstanceSelection {
    return new InstanceSelection(this.#configuration, view);
  }

  /**
   * Gives a changed instance or channel configuration to all streams. The change takes effect for the next event. Returns
   * the streams whose consumers may have to be told.
   */
  configure(entry: Entry): readonly Stream[] {
    this.#configuration = configurationOf(entry, this.#configuration);
    return this.streams.filter(({ selection }) => selection.configure(this.#configuration));
  }

  /** Returns how many consumers of the instance have a filter that takes events of this type. */
  takers(type: EventType): number {
    let takers = 0;
    for (const { selection, consumers, replaying } of this.streams)
      if (takes(selection.filter, type)) takers += consumers.length + replaying.size;
    return takers;
  }
}
