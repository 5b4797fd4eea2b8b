/** Writes the life of one connection into the books, from what the connection hears. */

import { eventTypeBit } from "../../src/domain/event-type.js";
import type { Life, Receipt, Told } from "./books.js";
import type { Channel } from "./channels.js";
import type { ControlTold, Listener } from "./connections.js";

export interface LifeOptions {
  readonly kind: string;
  readonly process: number;
  readonly channels: readonly Channel[];
  /** Undefined for all instances of the account. */
  readonly channel: Channel | undefined;
  /** The bits of the event types that the consumer has asked for last. Undefined for a plain socket. */
  readonly asked: () => number | undefined;
  /** The position that the consumer has presented. */
  readonly after: string | undefined;
  /** Whether the driver itself ends the connection. */
  readonly cut: () => boolean;
  readonly onOpened: (life: Life) => void;
  readonly onNarrowed: () => void;
  readonly onEnded: () => void;
}

/** After `stop` nothing more is written: frames from then on do not count. */
export function keepLife(options: LifeOptions): Listener & { stop(): void } {
  const { kind, process, channels, channel, asked, after, cut, onOpened, onNarrowed, onEnded } = options;
  const dialledAt = Date.now();
  let life: Life | undefined;
  let stopped = false;
  let awaitsGap = false;

  function open(told?: Told): void {
    const common = { kind, instance: channel?.index, process, dialledAt, openedAt: Date.now(), received: [] };
    life = { ...common, closed: undefined, ...(told !== undefined && { told }) };
    onOpened(life);
  }

  function control(frame: ControlTold): void {
    if (life === undefined) {
      const told = nothingTold();
      if (frame.control !== "hello") told.wrong.push(`${frame.control} came before hello`);
      open(told);
      takeFilter(frame);
      greeted(told, frame);
      return;
    }
    const told = life.told as Told;
    awaitGap(told, frame.control);
    told.position = positionAfter(frame, told.position);
    if (told.closing !== undefined) told.wrong.push(`${frame.control} came after closing`);
    if (frame.control === "hello") told.wrong.push("a second hello");
    else if (frame.control === "closing") told.closing = frame.code;
    else if (frame.control === "gap") told.gaps.push(gapOf(frame));
    else if (frame.control === "narrowed") {
      takeFilter(frame);
      onNarrowed();
    }
  }

  function greeted(told: Told, { resumed, resumeRefusal, ...frame }: ControlTold): void {
    told.resumed = resumed ?? undefined;
    told.refusal = resumeRefusal ?? undefined;
    told.position = resumed === true ? after : positionAfter(frame, undefined);
    awaitsGap = resumed === false;
    if ((told.resumed === undefined) !== (after === undefined)) told.wrong.push(`resumed is ${resumed} after ${after}`);
    if ((told.refusal !== undefined) !== awaitsGap) told.wrong.push(`resumed is ${resumed}, because ${resumeRefusal}`);
  }

  /** The frame after a `hello` whose `resumed` is false must be a `gap`. */
  function awaitGap(told: Told, kindOfFrame: string): void {
    if (awaitsGap && kindOfFrame !== "gap") told.wrong.push(`${kindOfFrame} and no gap came after a refused resume`);
    awaitsGap = false;
  }

  function takeFilter({ control: kindOfFrame, filter }: ControlTold): void {
    const { told, received } = life as Life & { told: Told };
    const types = sumOf(filter?.events ?? []);
    const due = (asked() ?? 0) & bitsOf(channel?.events ?? []);
    if (types !== due) told.wrong.push(`${kindOfFrame} has the types ${types} and not ${due}`);
    told.filters.push({ types, after: received.length, at: Date.now() });
  }

  function gapOf({ reason = "", from, until, instance }: ControlTold) {
    const found = channels.find(({ name }) => name === instance)?.index;
    return { reason, process, from: Date.parse(from ?? ""), until: Date.parse(until ?? ""), instance: found };
  }

  return {
    opened: () => open(),
    event(data, position) {
      if (stopped) return;
      if (life === undefined) open({ ...nothingTold(), wrong: ["an event came before hello"] });
      const { told, received } = life as unknown as Life;
      if (told?.closing !== undefined) told.wrong.push("an event came after closing");
      if (told !== undefined) {
        awaitGap(told, "an event");
        told.position = position;
      }
      received.push(receiptOf(data));
    },
    control: (frame) => {
      if (!stopped) control(frame);
    },
    ended(code, reason) {
      if (life !== undefined && !stopped) life.closed = { at: Date.now(), code, reason, cut: cut() };
      // A client of gRPC that had stopped reading hands over frames after the status. The consumer has gone on without them.
      stopped = true;
      onEnded();
    },
    stop() {
      stopped = true;
    },
  };
}

/** What a connection was told before its first control frame. */
export function nothingTold(): Told {
  return {
    filters: [],
    gaps: [],
    closing: undefined,
    resumed: undefined,
    refusal: undefined,
    position: undefined,
    wrong: [],
  };
}

/** The position that a consumer has after this control frame. `before` is the position that it had until then. */
function positionAfter({ control, position }: ControlTold, before: string | undefined): string | undefined {
  if (control === "hello" || control === "position") return position ?? undefined;
  return control === "closing" ? (position ?? before) : before;
}

/** The bits of these types. An empty list stands for all types. */
export function bitsOf(events: readonly string[]): number {
  return sumOf(events.length === 0 ? [...eventTypeBit.keys()] : events);
}

function sumOf(types: readonly string[]): number {
  return types.reduce((bits, type) => bits | (eventTypeBit.get(type) as number), 0);
}

/** A frame without the numbers of the driver counts as a frame that nobody published. */
function receiptOf(data: string): Receipt {
  const [, instance, publisher, n] = /"data":\{"i":(\d+),"p":(\d+),"n":(\d+),/.exec(data) ?? [];
  return { instance: Number(instance ?? -1), publisher: Number(publisher ?? -1), n: Number(n ?? 0) };
}
