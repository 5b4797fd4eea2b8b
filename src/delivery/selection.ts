/** A selection decides which events a stream takes, and builds their frames. */

import type { Event } from "../bus/bus.js";
import type { Entry } from "../directory/directory.js";
import { type EventType, eventTypeBit } from "../domain/event-type.js";
import type { Filter } from "../domain/filter.js";
import type { Instance } from "../domain/instance.js";
import type { Kept } from "../history/history.js";
import { type Configuration, configurationOf } from "./configuration.js";
import type { Frame, FrameBuilder } from "./frames/frame.js";
import type { SharedFrames } from "./shared-frames.js";
import { narrow, type View } from "./view.js";

export interface Selection {
  /** The events that the consumers of the stream get. */
  readonly filter: Filter;
  /** Whether the stream takes the event. */
  takes(event: Event): boolean;
  /** Builds the frame of an event, which may have a position. Undefined when the stream does not take the event. */
  frameOf(event: Event, position?: string): Frame | undefined;
  /** Returns the frame of an event of the history, from `frames` if it is there. Undefined when the stream does not take the event. */
  replayedFrame(kept: Kept, frames: SharedFrames): Frame | undefined;
}

/** Selects events of one instance by the filter of its owner and by a view. */
export class InstanceSelection implements Selection {
  readonly #view: View;
  #configuration: Configuration;
  #filter: Filter;
  #build: FrameBuilder;

  constructor(configuration: Configuration, view: View) {
    this.#view = view;
    this.#configuration = configuration;
    this.#filter = narrow(configuration.filter, view);
    this.#build = view.format.builderFor(configuration.instance);
  }

  get filter(): Filter {
    return this.#filter;
  }

  /**
   * Takes a changed instance or channel configuration over. The change takes effect for the next event. True when the
   * consumers may have to be told: another name, another filter, another version, or the channel was enabled or disabled.
   */
  configure(configuration: Configuration): boolean {
    const [before, filter] = [this.#configuration, this.#filter];
    this.#configuration = configuration;
    this.#filter = narrow(configuration.filter, this.#view);
    this.#build = this.#view.format.builderFor(configuration.instance);
    return (
      before.instance.name !== configuration.instance.name ||
      before.enabled !== configuration.enabled ||
      before.version !== configuration.version ||
      filter.types !== this.#filter.types ||
      filter.mediaBase64 !== this.#filter.mediaBase64
    );
  }

  takes({ type }: Event): boolean {
    return takes(this.#filter, type);
  }

  frameOf(event: Event, position?: string): Frame | undefined {
    const filter = this.#filter;
    return takes(filter, event.type) ? this.#build(event, filter.mediaBase64, position) : undefined;
  }

  replayedFrame(kept: Kept, frames: SharedFrames): Frame | undefined {
    return this.takes(kept.event) ? frames.frameOf(kept, this.#build, this.#filter.mediaBase64) : undefined;
  }
}

/** Finds an instance by its id. Undefined when this node does not know the instance. */
export type FindEntry = (instanceId: string) => Entry | undefined;

/**
 * The builders of the instances that had events, in one format. A changed instance is another object, so it gets another
 * builder.
 */
export type Builders = WeakMap<Instance, FrameBuilder>;

/**
 * Selects events of all instances of an account. Each event is subject to the filter of its instance as the owner has set it
 * now. A disabled channel takes no event.
 */
export class AccountSelection implements Selection {
  readonly filter: Filter;
  readonly #view: View;
  readonly #find: FindEntry;
  readonly #builders: Builders;

  /** The streams of an account whose views have the same format share `builders`. */
  constructor(view: View, find: FindEntry, builders: Builders) {
    this.#builders = builders;
    this.filter = { types: view.types, mediaBase64: view.media };
    this.#view = view;
    this.#find = find;
  }

  /** The part of an instance's events that the stream takes. */
  filterOf(entry: Entry): Filter {
    return narrow(configurationOf(entry).filter, this.#view);
  }

  takes({ instanceId, type }: Event): boolean {
    const entry = this.#find(instanceId);
    return entry !== undefined && takes(this.filterOf(entry), type);
  }

  frameOf(event: Event, position?: string): Frame | undefined {
    const entry = this.#find(event.instanceId);
    if (entry === undefined) return undefined;
    const filter = this.filterOf(entry);
    return takes(filter, event.type) ? this.#builderOf(entry.instance)(event, filter.mediaBase64, position) : undefined;
  }

  replayedFrame(kept: Kept, frames: SharedFrames): Frame | undefined {
    const { event } = kept;
    const entry = this.#find(event.instanceId);
    if (entry === undefined) return undefined;
    const filter = this.filterOf(entry);
    if (!takes(filter, event.type)) return undefined;
    return frames.frameOf(kept, this.#builderOf(entry.instance), filter.mediaBase64);
  }

  #builderOf(instance: Instance): FrameBuilder {
    const known = this.#builders.get(instance);
    if (known !== undefined) return known;
    const build = this.#view.format.builderFor(instance);
    this.#builders.set(instance, build);
    return build;
  }
}

/** Whether a filter takes events of this type. */
export function takes(filter: Filter, type: EventType): boolean {
  return (filter.types & (eventTypeBit.get(type) as number)) !== 0;
}
