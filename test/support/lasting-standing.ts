/**
 * Whether a consumer that comes back knows where it stands over all its connections: each event that its filter takes arrived once
 * and in order, or a gap covers it. The check looks only at what the consumer was told, and at what happened on the instance.
 */

import { type EventType, eventTypeBit } from "../../src/domain/event-type.js";
import type { Control } from "./control-hub.js";

/** An event as it happened. Events are numbered from 1 on. */
export interface Happened {
  readonly type: EventType;
  /** Milliseconds since 1970. */
  readonly time: number;
}

/** An event as it arrived. */
export interface Arrived {
  readonly n: number;
  readonly position: string;
}

export interface Connection {
  /** The position that the consumer presented, if it did. */
  readonly after: string | undefined;
  /** How many events had happened when the connection began. */
  readonly joinedAt: number;
  readonly frames: readonly (Arrived | Control)[];
}

export interface World {
  readonly events: readonly Happened[];
  /** By version of the configuration: how many events came before it. */
  readonly configured: ReadonlyMap<number, number>;
  /** How many events there are up to a position. */
  countAt(position: string): number;
}

/** Returns what is wrong; undefined when everything is explained. The last connection may have ended. */
export function unexplainedOver(connections: readonly Connection[], world: World, ended: boolean): string | undefined {
  const account = new Account(connections, world);
  for (const [at, connection] of connections.entries()) {
    for (const [i, frame] of connection.frames.entries()) {
      const fault = "control" in frame ? account.control(frame, i, connection) : account.event(frame, i);
      if (fault === undefined) continue;
      const before = connection.frames.slice(Math.max(0, i - 4), i + 1).map(name);
      return `connection ${at}, frame ${i}: ${fault}, after ${before} (after ${connection.after})`;
    }
  }
  if (ended || account.mayBeAt(world.events.length)) return undefined;
  return `event ${account.next()} of ${world.events.length} is missing at the end`;
}

class Account {
  readonly #world: World;
  readonly #gaps: readonly { from: number; until: number }[];
  #filter = 0;
  /** The consumer got, or need not get, all events up to some number between these two. */
  #from = 0;
  #until = 0;
  /** The last event that the consumer got, or that was before its connection. */
  #last = 0;
  /** Whether the connection may still read older events, so that a change of the owner takes effect earlier than it was made. */
  #replaying = false;

  constructor(connections: readonly Connection[], world: World) {
    this.#world = world;
    const frames = connections.flatMap((connection) => connection.frames);
    this.#gaps = frames.flatMap((frame) => ("control" in frame && frame.control === "gap" ? [spanOf(frame)] : []));
  }

  event({ n, position }: Arrived, i: number): string | undefined {
    if (i === 0) return "an event before hello";
    if (this.#world.countAt(position) !== n) return `event ${n} has the position ${position}`;
    if (n <= this.#from) return `event ${n} came late or twice`;
    if (!this.#takes(n)) return `event ${n} is not in the filter`;
    if (!this.mayBeAt(n - 1)) return `event ${this.next()} is missing before ${n}`;
    this.#stand(n);
    this.#last = n;
    return undefined;
  }

  control(frame: Control, i: number, connection: Connection): string | undefined {
    if ((frame.control === "hello") !== (i === 0)) return `${frame.control} at ${i}`;
    if (frame.control === "hello") return this.#hello(frame, connection);
    if (frame.control === "narrowed") {
      this.#until = this.next() - 1;
      this.#filter = typesOf(frame);
    }
    if (frame.control === "config_changed") return this.#configured(frame);
    if (frame.control === "closing" && frame.position !== null) {
      const at = this.#world.countAt(String(frame.position));
      if (at < this.#last || at >= this.next()) return `closing says ${at}`;
    }
    return undefined;
  }

  #hello(hello: Control, { after, joinedAt, frames }: Connection): string | undefined {
    this.#filter = typesOf(hello);
    this.#replaying = false;
    if (this.#world.countAt(String(hello.position)) !== joinedAt) return `hello says ${hello.position} at ${joinedAt}`;
    if (after === undefined) {
      this.#stand(joinedAt);
      this.#last = joinedAt;
      return undefined;
    }
    const at = this.#world.countAt(after);
    if (hello.resumed === true) {
      const replayed = this.#between(at, joinedAt);
      if (hello.replayed !== replayed.length) return `hello says ${hello.replayed} and not ${replayed.length}`;
      this.#replaying = replayed.length > 0;
      this.#stand(at);
      this.#last = at;
      return undefined;
    }
    const [, gap] = frames;
    if (frames.length > 1 && !(gap !== undefined && "control" in gap && gap.control === "gap")) return "no gap follows";
    const uncovered = this.#between(at, joinedAt).find((n) => frames.length > 1 && !this.#covered(n));
    this.#stand(joinedAt);
    this.#last = joinedAt;
    return uncovered === undefined ? undefined : `event ${uncovered} is not in the gap of a refused resume`;
  }

  #configured(frame: Control): string | undefined {
    const at = this.#world.configured.get(frame.configurationVersion as number) ?? -1;
    if (this.#replaying && at >= this.#from) this.#until = this.next() - 1;
    else if (at < this.#from || !this.mayBeAt(at)) return `version ${frame.configurationVersion} is not at ${at}`;
    else this.#stand(at);
    this.#filter = typesOf(frame);
    return undefined;
  }

  /** Whether it got, or need not get, all events up to this one. */
  mayBeAt(n: number): boolean {
    return this.#from <= n && n < this.next();
  }

  /** The next event that it must get. */
  next(): number {
    let n = this.#until + 1;
    while (n <= this.#world.events.length && (!this.#takes(n) || this.#covered(n))) n++;
    return n;
  }

  #stand(n: number): void {
    this.#from = n;
    this.#until = n;
  }

  /** The events after one and up to another that the filter takes. */
  #between(after: number, last: number): number[] {
    const numbers: number[] = [];
    for (let n = after + 1; n <= last; n++) if (this.#takes(n)) numbers.push(n);
    return numbers;
  }

  #takes(n: number): boolean {
    return (this.#filter & (eventTypeBit.get((this.#world.events[n - 1] as Happened).type) as number)) !== 0;
  }

  #covered(n: number): boolean {
    const { time } = this.#world.events[n - 1] as Happened;
    return this.#gaps.some(({ from, until }) => from <= time && time <= until);
  }
}

function spanOf(frame: Control): { from: number; until: number } {
  return { from: Date.parse(String(frame.from)), until: Date.parse(String(frame.until)) };
}

function typesOf({ filter }: Control): number {
  const { events } = filter as { events: readonly string[] };
  return events.reduce((bits, type) => bits | (eventTypeBit.get(type) as number), 0);
}

function name(frame: Arrived | Control): string {
  return "control" in frame ? frame.control : `${frame.n}`;
}
