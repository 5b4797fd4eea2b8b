/**
 * Keeps the last events of a node's history in memory, within three limits: their age, their number for each instance, and
 * their bytes in all. It knows for each scope from which sequence number on no event of the scope is missing.
 */

import type { Event } from "../bus/bus.js";
import { isSameId } from "../domain/event-id.js";
import { Entries } from "./entries.js";
import type { DropReason, HistoryScope, HistoryStats, Kept } from "./history.js";

export interface HistoryLimits {
  readonly seconds: number;
  /** Most events of one instance. */
  readonly events: number;
  /** Most bytes of all events together. */
  readonly bytes: number;
}

/** An event, in a list of all events in the order of their sequence numbers. */
interface Entry {
  readonly kept: Kept;
  readonly of: HistoryScope;
  readonly bytes: number;
  readonly at: number;
  older: Entry | undefined;
  newer: Entry | undefined;
}

/** The events of one instance, or of one account. */
interface ScopeLog {
  readonly entries: Entries<Entry>;
  /** The sequence number after which each event of the scope was appended. Undefined when nobody asked for all events of the scope. */
  since: number | undefined;
  /** The sequence number of the last event of the scope that was dropped, or less than any when none was. */
  dropped: number;
}

export class HistoryLog {
  readonly stats: HistoryStats = { events: 0, bytes: 0, dropped: { seconds: 0, events: 0, bytes: 0 } };
  readonly #limits: HistoryLimits;
  readonly #instances = new Map<string, ScopeLog & { readonly accountId: string }>();
  /** The accounts that are followed as a whole. */
  readonly #accounts = new Map<string, ScopeLog>();
  #oldest: Entry | undefined;
  #newest: Entry | undefined;
  /** The sequence number up to which the events of every scope may be dropped: the oldest go first, of whichever scope. */
  #droppedThrough = none;

  constructor(limits: HistoryLimits) {
    this.#limits = limits;
  }

  /**
   * Notes that each event of the scope with a sequence number above `since` is appended, from now on until `end`. Events that
   * were appended before count too. When the scope has begun already, the greater number counts.
   */
  begin(scope: HistoryScope, since: number): void {
    const log = scope.instanceId === "" ? this.#accountLog(scope.accountId, since) : this.#instanceLog(scope);
    log.since = Math.max(log.since ?? since, since);
  }

  /** Notes that further events of the scope may not be appended. Drops the events of which nobody asked for all. */
  end({ accountId, instanceId }: HistoryScope): void {
    if (instanceId !== "") {
      const log = this.#instances.get(instanceId);
      if (log === undefined) return;
      log.since = undefined;
      this.#forgetUnasked(instanceId);
      return;
    }
    const account = this.#accounts.get(accountId);
    if (!this.#accounts.delete(accountId)) return;
    for (const [id, log] of this.#instances) {
      if (log.accountId !== accountId) continue;
      if (log.since !== undefined) log.since = Math.min(log.since, account?.since ?? log.since);
      this.#forgetUnasked(id);
    }
  }

  /**
   * Appends an event, whose sequence number must be greater than all before. `bytes` is the memory that the event takes. `at` is
   * when its age begins, in the milliseconds that `expire` gets. Older events make room. An event that takes more than all of the
   * room counts as dropped at once.
   */
  append(kept: Kept, of: HistoryScope, bytes: number, at: number): void {
    const log = this.#instanceLog(of);
    if (bytes > this.#limits.bytes) {
      this.#dropThrough(log, kept.sequence, "bytes");
      this.#noteDropped(of, kept.sequence);
      this.stats.dropped.bytes++;
      return;
    }
    while (this.#oldest !== undefined && this.stats.bytes + bytes > this.#limits.bytes)
      this.#drop(this.#oldest, "bytes");
    if (log.entries.length >= this.#limits.events) this.#drop(log.entries.first as Entry, "events");
    const entry: Entry = { kept, of, bytes, at, older: this.#newest, newer: undefined };
    if (this.#newest === undefined) this.#oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
    this.stats.events++;
    this.stats.bytes += bytes;
    // Dropping the last event of the instance may have ended its log.
    this.#instanceLog(of).entries.push(entry);
    this.#accounts.get(of.accountId)?.entries.push(entry);
  }

  /** Drops the events whose age is above the limit at `now`. */
  expire(now: number): void {
    const before = now - this.#limits.seconds * 1000;
    while (this.#oldest !== undefined && this.#oldest.at < before) this.#drop(this.#oldest, "seconds");
  }

  /** Drops everything, and knows no scope any more. */
  clear(): void {
    this.#instances.clear();
    this.#accounts.clear();
    this.#oldest = undefined;
    this.#newest = undefined;
    this.#droppedThrough = none;
    this.stats.events = 0;
    this.stats.bytes = 0;
  }

  /** Returns the sequence number after which no event of the scope is missing. Infinity when any may be missing. */
  completeSince({ accountId, instanceId }: HistoryScope): number {
    const account = this.#accounts.get(accountId);
    const ofAccount = account?.since ?? Number.POSITIVE_INFINITY;
    const log = instanceId === "" ? account : this.#instances.get(instanceId);
    // An instance without a log had only events that the account has dropped.
    const dropped = log?.dropped ?? account?.dropped ?? none;
    return Math.max(dropped, Math.min(log?.since ?? Number.POSITIVE_INFINITY, ofAccount));
  }

  /** Returns the events of the scope whose age began at `since` or later, in the milliseconds that `expire` gets. */
  recent(scope: HistoryScope, since: number): Event[] {
    const entries = this.#logOf(scope)?.entries ?? (scope.instanceId === "" ? this.#newerThan(since) : []);
    return [...entries]
      .filter(({ at, of }) => at >= since && of.accountId === scope.accountId)
      .map(({ kept }) => kept.event);
  }

  /** Whether an event is kept. Looks through the events of the instance. */
  has({ id, instanceId }: Event): boolean {
    for (const { kept } of this.#instances.get(instanceId)?.entries ?? []) if (isSameId(kept.event.id, id)) return true;
    return false;
  }

  /** Returns the last event of the scope. Undefined when none is kept. */
  last(scope: HistoryScope): Kept | undefined {
    return this.#logOf(scope)?.entries.last?.kept;
  }

  /** Does what `Following.after` says. */
  after(scope: HistoryScope, sequence: number, max: number): readonly Kept[] | undefined {
    if (sequence < this.completeSince(scope)) return undefined;
    return this.#logOf(scope)?.entries.after(sequence, max) ?? [];
  }

  #logOf({ accountId, instanceId }: HistoryScope): ScopeLog | undefined {
    return instanceId === "" ? this.#accounts.get(accountId) : this.#instances.get(instanceId);
  }

  #instanceLog({ accountId, instanceId }: HistoryScope): ScopeLog {
    const known = this.#instances.get(instanceId);
    if (known !== undefined) return known;
    const dropped = this.#accounts.get(accountId)?.dropped ?? this.#droppedThrough;
    const log = { accountId, entries: new Entries<Entry>(), since: undefined, dropped };
    this.#instances.set(instanceId, log);
    return log;
  }

  #accountLog(accountId: string, since: number): ScopeLog {
    const known = this.#accounts.get(accountId);
    if (known !== undefined) return known;
    const log: ScopeLog = { entries: new Entries<Entry>(), since: undefined, dropped: this.#droppedThrough };
    for (const instance of this.#instances.values())
      if (instance.accountId === accountId) log.dropped = Math.max(log.dropped, instance.dropped);
    for (let entry = this.#oldest; entry !== undefined; entry = entry.newer)
      if (entry.of.accountId === accountId && entry.kept.sequence > Math.max(since, log.dropped))
        log.entries.push(entry);
    this.#accounts.set(accountId, log);
    return log;
  }

  *#newerThan(since: number): Generator<Entry> {
    for (let entry = this.#newest; entry !== undefined && entry.at >= since; entry = entry.older) yield entry;
  }

  #drop(entry: Entry, reason: DropReason): void {
    this.#unlink(entry);
    this.stats.dropped[reason]++;
    if (reason !== "events") this.#droppedThrough = Math.max(this.#droppedThrough, entry.kept.sequence);
    this.#noteDropped(entry.of, entry.kept.sequence);
  }

  /** Notes that an event is missing from now on. The older events of its scopes are of no use any more. */
  #noteDropped({ accountId, instanceId }: HistoryScope, sequence: number): void {
    const account = this.#accounts.get(accountId);
    for (const log of [this.#instances.get(instanceId), account]) {
      if (log === undefined) continue;
      log.dropped = Math.max(log.dropped, sequence);
      log.entries.dropThrough(sequence);
    }
    const instance = this.#instances.get(instanceId);
    if (instance?.entries.length === 0 && instance.since === undefined) this.#instances.delete(instanceId);
  }

  /** Drops the events of an instance up to a sequence number. */
  #dropThrough(log: ScopeLog, sequence: number, reason: DropReason): void {
    for (
      let first = log.entries.first;
      first !== undefined && first.kept.sequence <= sequence;
      first = log.entries.first
    )
      this.#drop(first, reason);
  }

  #forgetUnasked(instanceId: string): void {
    const log = this.#instances.get(instanceId);
    if (log === undefined || log.since !== undefined || this.#accounts.has(log.accountId)) return;
    for (const entry of log.entries) this.#unlink(entry);
    this.#instances.delete(instanceId);
  }

  #unlink({ older, newer, bytes }: Entry): void {
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    this.stats.events--;
    this.stats.bytes -= bytes;
  }
}

/** Less than any sequence number. */
const none = -1;
