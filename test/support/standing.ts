/**
 * Whether a consumer knows where it stands: each event that its filter takes arrived once and in order, or a gap or a close covers it.
 * The check looks only at what the consumer was told, and at what happened on the instance.
 */

import { type EventType, eventTypeBit } from "../../src/domain/event-type.js";
import type { Control } from "./control-hub.js";

/** What happened on an instance. Events are numbered from 1 on. */
export class Happenings {
  readonly #types: EventType[] = [];
  /** By version of the configuration: how many events came before it. */
  readonly #configured = new Map<number, number>();

  /** Returns the number of the event. */
  accepted(type: EventType): number {
    return this.#types.push(type);
  }

  configured(version: number): void {
    this.#configured.set(version, this.count);
  }

  get count(): number {
    return this.#types.length;
  }

  type(n: number): EventType {
    return this.#types[n - 1] as EventType;
  }

  before(version: number): number | undefined {
    return this.#configured.get(version);
  }
}

export interface Told {
  /** How many events had happened when the consumer was added. */
  readonly joinedAt: number;
  /** Numbers of events, and control frames, in the order of their arrival. */
  readonly frames: readonly (number | Control)[];
  /** Whether the connection has ended, so that later events need not arrive. */
  readonly ended: boolean;
}

/** Returns what is wrong; undefined when everything is explained. */
export function unexplained({ joinedAt, frames, ended }: Told, happenings: Happenings): string | undefined {
  const [hello, ...rest] = frames;
  if (hello === undefined) return ended ? undefined : "it was told nothing";
  if (typeof hello === "number" || hello.control !== "hello") return `it began with ${name(hello)}`;
  const account = new Account(joinedAt, frames, happenings);
  account.filter = typesOf(hello);
  for (const [i, frame] of rest.entries()) {
    const fault = typeof frame === "number" ? account.event(frame) : account.control(frame, i === rest.length - 1);
    if (fault !== undefined) return `${fault}, after ${frames.slice(Math.max(0, i - 4), i + 1).map(name)}`;
  }
  if (ended || account.mayBeAt(happenings.count)) return undefined;
  return `event ${account.next()} of ${happenings.count} is missing at the end`;
}

class Account {
  filter = 0;
  readonly #happenings: Happenings;
  readonly #gaps: readonly { from: number; until: number }[];
  /** The consumer got, or need not get, all events up to some number between these two. */
  #from: number;
  #until: number;

  constructor(joinedAt: number, frames: readonly (number | Control)[], happenings: Happenings) {
    this.#from = joinedAt;
    this.#until = joinedAt;
    this.#happenings = happenings;
    this.#gaps = frames.flatMap((frame) =>
      typeof frame === "number" || frame.control !== "gap" ? [] : [spanOf(frame)],
    );
  }

  event(n: number): string | undefined {
    if (n <= this.#from) return `event ${n} came late or twice`;
    if (!this.#takes(n)) return `event ${n} is not in the filter`;
    if (!this.mayBeAt(n - 1)) return `event ${this.next()} is missing before ${n}`;
    this.#from = n;
    this.#until = n;
    return undefined;
  }

  control(frame: Control, last: boolean): string | undefined {
    if (frame.control === "hello") return "a second hello";
    if (frame.control === "closing" && !last) return "a frame after closing";
    if (frame.control === "narrowed") {
      this.#until = this.next() - 1;
      this.filter = typesOf(frame);
    }
    if (frame.control === "config_changed") {
      const at = this.#happenings.before(frame.configurationVersion) ?? -1;
      if (at < this.#from || !this.mayBeAt(at)) return `version ${frame.configurationVersion} is not at ${at}`;
      this.#from = at;
      this.#until = at;
      this.filter = typesOf(frame);
    }
    return undefined;
  }

  /** Whether it got, or need not get, all events up to this one. */
  mayBeAt(n: number): boolean {
    return this.#from <= n && n < this.next();
  }

  /** The next event that it must get. */
  next(): number {
    let n = this.#until + 1;
    while (n <= this.#happenings.count && (!this.#takes(n) || this.#covered(n))) n++;
    return n;
  }

  #takes(n: number): boolean {
    return (this.filter & (eventTypeBit.get(this.#happenings.type(n)) as number)) !== 0;
  }

  #covered(n: number): boolean {
    return this.#gaps.some(({ from, until }) => from <= n && n <= until);
  }
}

/** A test gives the numbers of the events that are lost as the times of the gap. */
function spanOf(frame: Control): { from: number; until: number } {
  return { from: Date.parse(String(frame.from)), until: Date.parse(String(frame.until)) };
}

function typesOf({ filter }: Control): number {
  const { events } = filter as { events: readonly string[] };
  return events.reduce((bits, type) => bits | (eventTypeBit.get(type) as number), 0);
}

function name(frame: number | Control): string {
  return typeof frame === "number" ? `${frame}` : frame.control;
}
