/** The streams of consumers that get all instances of an account on one connection. */

import type { ConfigChangedFrame } from "../../gen/frames.js";
import type { Bus, Subscription } from "../bus/bus.js";
import type { Entry } from "../directory/directory.js";
import { AppError } from "../domain/errors.js";
import type { EventType } from "../domain/event-type.js";
import type { HistoryScope } from "../history/history.js";
import { configurationOf } from "./configuration.js";
import { configChangedFrame, instanceDeletedFrame } from "./control-frames.js";
import type { FrameFormat } from "./frames/frame.js";
import { AccountSelection, type Builders, type FindEntry, takes } from "./selection.js";
import type { Stream } from "./stream.js";
import { type Introduction, StreamGroup, type StreamGroupOptions, type Whose } from "./stream-group.js";
import type { View } from "./view.js";

export class AccountStreams extends StreamGroup<AccountSelection> {
  readonly id: string;
  protected readonly subscription: Subscription;
  readonly #bus: Bus;
  readonly #find: FindEntry;
  readonly #builders = new Map<FrameFormat, Builders>();

  constructor(accountId: string, bus: Bus, find: FindEntry, options: StreamGroupOptions) {
    super(options);
    this.id = accountId;
    this.#bus = bus;
    this.#find = find;
    this.subscription = bus.subscribeAccount(accountId, (event) => options.receive(this, event));
  }

  get accountId(): string {
    return this.id;
  }

  get whose(): Whose {
    return { accountId: this.id };
  }

  get introduction(): Introduction {
    return { instance: "", version: 0 };
  }

  protected get historyScope(): HistoryScope {
    return { accountId: this.id, instanceId: "" };
  }

  check(): void {
    if (this.#bus.hasOlderNodes()) throw new AppError("OLDER_NODE");
  }

  protected select(view: View): AccountSelection {
    const { format } = view;
    const builders = this.#builders.get(format) ?? new WeakMap();
    this.#builders.set(format, builders);
    return new AccountSelection(view, (instanceId) => this.entry(instanceId), builders);
  }

  /** Finds an instance of the account. Undefined for an instance of another account, which no message of the bus may name. */
  entry(instanceId: string): Entry | undefined {
    const entry = this.#find(instanceId);
    return entry?.instance.accountId === this.id ? entry : undefined;
  }

  /**
   * Tells every stream of this account that an instance was created, or that an instance or its channel configuration has
   * changed.
   */
  tellChange(entry: Entry, change: "created" | "changed", tell: TellStream): void {
    const configuration = configurationOf(entry);
    for (const stream of this.streams)
      tell(stream, configChangedFrame(configuration, stream.selection.filterOf(entry), change));
  }

  /** Tells every stream of this account that an instance was deleted. */
  tellDeletion(name: string, tell: TellStream): void {
    for (const stream of this.streams) tell(stream, instanceDeletedFrame(name));
  }

  /** Returns how many consumers of the account get events of this type of an instance. */
  takers(entry: Entry, type: EventType): number {
    let takers = 0;
    for (const { selection, consumers, replaying } of this.streams)
      if (takes(selection.filterOf(entry), type)) takers += consumers.length + replaying.size;
    return takers;
  }
}

export type TellStream = (stream: Stream, frame: ConfigChangedFrame) => void;
