/**
 * Knows the streams of a node, by instance and by account. The streams of an instance or an account exist for as long as a
 * consumer or a reservation needs them.
 */

import type { Bus } from "../bus/bus.js";
import type { Entry } from "../directory/directory.js";
import { AccountStreams } from "./account-streams.js";
import type { Consumer } from "./consumer.js";
import type { FrameFormat } from "./frames/frame.js";

import { InstanceStreams } from "./instance-streams.js";
import type { FindEntry } from "./selection.js";

import type { Stream } from "./stream.js";
import type { StreamGroup, StreamGroupOptions } from "./stream-group.js";
import type { View } from "./view.js";

/** What a consumer gets events of: one instance, or all instances of an account. */
export type Scope = Entry | { readonly accountId: string };

/**
 * Makes the events of a scope come to this node before its consumer is added. Release the reservation when the
 * connection is open, or when it is certain that the connection will not open.
 */
export interface Reservation {
  /**
   * Resolves when this node gets every event of the scope that any node publishes from then on. Undefined when that
   * is so already. Never rejects.
   */
  readonly inForce: Promise<void> | undefined;
  /** Call it right before the consumer is added. Throws AppError OLDER_NODE for a whole account. */
  check(): void;
  release(): void;
}

export class StreamRegistry {
  readonly #bus: Bus;
  readonly #find: FindEntry;
  readonly #options: StreamGroupOptions;
  readonly #instances = new Map<string, InstanceStreams>();
  readonly #accounts = new Map<string, AccountStreams>();

  constructor(bus: Bus, find: FindEntry, options: StreamGroupOptions) {
    this.#bus = bus;
    this.#find = find;
    this.#options = options;
  }

  instance(instanceId: string): InstanceStreams | undefined {
    return this.#instances.get(instanceId);
  }

  account(accountId: string): AccountStreams | undefined {
    return this.#accounts.get(accountId);
  }

  /** The groups of all accounts that somebody has a connection to as a whole. */
  get accounts(): readonly AccountStreams[] {
    return [...this.#accounts.values()];
  }

  /**
   * Returns the stream of a scope and a view. Creates the stream when there is none; then add a consumer to it at
   * once.
   */
  streamOf(scope: Scope, view: View): Stream {
    return this.#groupOf(scope).streamOf(view);
  }

  /**
   * Returns the stream of the same instance with the same view, but with these event types. Creates the stream when there is none.
   * Then either a consumer must change to the stream, or `endIfEmpty` must be called.
   */
  sibling(stream: Stream, types: number): Stream {
    return types === stream.view.types ? stream : stream.group.streamOf({ ...stream.view, types });
  }

  /** Ends a stream that has no consumer and no narrowing under way. */
  endIfEmpty(stream: Stream): void {
    stream.group.endIfEmpty(stream);
    this.#endIfUnused(stream.group);
  }

  reserve(scope: Scope, format: FrameFormat): Reservation {
    const group = this.#groupOf(scope);
    group.reservations++;
    const isFed = format.controlFrame !== undefined;
    if (isFed) group.reserveHistory();
    return {
      inForce: group.inForce(isFed),
      check: () => group.check(),
      release: () => {
        group.reservations--;
        if (isFed) group.releaseHistory();
        this.#endIfUnused(group);
      },
    };
  }

  /** Takes a consumer out of its stream. False when the consumer had left before. */
  leave(consumer: Consumer): boolean {
    const { group } = consumer.stream;
    if (!group.leave(consumer)) return false;
    this.#endIfUnused(group);
    return true;
  }

  /** The groups of an account and of its instances. */
  ofAccount(accountId: string): StreamGroup[] {
    return this.#groups().filter((group) => group.accountId === accountId);
  }

  everyone(): Consumer[] {
    return this.#groups().flatMap(({ consumers }) => consumers);
  }

  #groups(): StreamGroup[] {
    return [...this.#instances.values(), ...this.#accounts.values()];
  }

  #groupOf(scope: Scope): StreamGroup {
    return "accountId" in scope ? this.#accountStreams(scope.accountId) : this.#instanceStreams(scope);
  }

  #instanceStreams(entry: Entry): InstanceStreams {
    const { id } = entry.instance;
    const known = this.#instances.get(id);
    if (known !== undefined) return known;
    const instance = new InstanceStreams(entry, this.#bus, this.#options);
    this.#instances.set(id, instance);
    return instance;
  }

  #accountStreams(accountId: string): AccountStreams {
    const known = this.#accounts.get(accountId);
    if (known !== undefined) return known;
    const account = new AccountStreams(accountId, this.#bus, this.#find, this.#options);
    this.#accounts.set(accountId, account);
    return account;
  }

  #endIfUnused(group: StreamGroup): void {
    if (!group.unused) return;
    // A group that was used up before may have a successor of the same id.
    if (group === this.#instances.get(group.id)) this.#instances.delete(group.id);
    else if (group === this.#accounts.get(group.id)) this.#accounts.delete(group.id);
    else return;
    group.stop();
  }
}
