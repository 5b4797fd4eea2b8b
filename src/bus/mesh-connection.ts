/** One socket to another worker: frames out at the end of a turn, frames in, and what the other one wants to hear. */

import type { Socket } from "node:net";
import type { Event } from "./bus.js";
import {
  createFrameReader,
  frameKinds,
  numberFrame,
  readEvent,
  readNumber,
  readText,
  textFrame,
} from "./mesh-frames.js";

export interface ConnectionListener {
  /** The one who dialled has said its name. */
  hello(name: string): void;
  event(event: Event): void;
  /** Everything that the other side had sent up to this time is read. Milliseconds since 1970. */
  confirmed(askedAt: number): void;
  /** Once. `unwritten`: events that the other side can not have got. */
  lost(reason: string, unwritten: number): void;
}

export interface MeshConnection {
  /** Whether the other side has a subscriber for the instance. */
  wants(instanceId: string): boolean;
  /** Made by `eventFrame`. */
  sendEvent(frame: Buffer): void;
  hello(name: string): void;
  subscribe(instanceId: string): void;
  unsubscribe(instanceId: string): void;
  /** True once the other side has read everything from before; false when the connection was lost. Never rejects. */
  confirm(): Promise<boolean>;
  /** True once the kernel has every event: it delivers them even if this process ends. Undefined: it has. Never rejects. */
  written(): Promise<boolean> | undefined;
  cut(reason: string): void;
  /** After what was sent. Resolves when it is closed. */
  end(): Promise<void>;
}

/** Of what the other side does not read; beyond it the connection is cut. A single event may be larger. */
const pendingBytesMax = 64 * 1024 * 1024;
const beatMs = 1_000;
/** So many beats without a word: gone. Beats, not time: a process that was stopped has not beaten. */
const silentBeatsMax = 3;

export function createMeshConnection(socket: Socket, listener: ConnectionListener): MeshConnection {
  const wanted = new Set<string>();
  /** Who waits for which answer, in the order of their questions. */
  const asking: { readonly number: number; readonly askedAt: number; readonly tell: (answered: boolean) => void }[] =
    [];
  /** Frames of this turn of the event loop. */
  let outgoing: Buffer[] = [];
  let outgoingBytes = 0;
  let outgoingEvents = 0;
  /** Events that the kernel has not taken. */
  let unwritten = 0;
  /** The write of this turn, or the last one there was. */
  let writing: Promise<boolean> = Promise.resolve(true);
  let asked = 0;
  let gathering: Promise<boolean> | undefined;
  let silentBeats = 0;
  let reason = "the other worker has gone";
  let open = true;
  let onEnded: () => void;
  const ended = new Promise<void>((resolve) => {
    onEnded = resolve;
  });

  function send(frame: Buffer): void {
    if (!open) return;
    if (socket.writableLength + outgoingBytes > pendingBytesMax) {
      cut("the other worker does not read");
      return;
    }
    outgoingBytes += frame.length;
    if (outgoing.push(frame) > 1) return;
    writing = new Promise((resolve) => {
      setImmediate(write, resolve);
    });
  }

  /** One write to the kernel for all of a turn. */
  function write(taken: (whole: boolean) => void): void {
    if (!open) {
      taken(false);
      return;
    }
    const events = outgoingEvents;
    const frames = outgoing;
    outgoing = [];
    outgoingBytes = 0;
    outgoingEvents = 0;
    socket.cork();
    for (const frame of frames.slice(0, -1)) socket.write(frame);
    socket.write(frames.at(-1) as Buffer, (error) => {
      if (!error) unwritten -= events;
      taken(!error);
    });
    socket.uncork();
  }

  function ask(): Promise<boolean> {
    return new Promise((tell) => {
      if (!open) return tell(false);
      asking.push({ number: ++asked, askedAt: Date.now(), tell });
      send(numberFrame(frameKinds.ping, asked));
    });
  }

  function answered(number: number): void {
    while (asking[0] !== undefined && asking[0].number <= number) {
      const { askedAt, tell } = asking.shift() as (typeof asking)[number];
      listener.confirmed(askedAt);
      tell(true);
    }
  }

  function onFrame(kind: number, body: Buffer): void {
    if (!open) return;
    if (kind === frameKinds.event) listener.event(readEvent(body));
    else if (kind === frameKinds.subscribe) wanted.add(readText(body));
    else if (kind === frameKinds.unsubscribe) wanted.delete(readText(body));
    else if (kind === frameKinds.ping) send(numberFrame(frameKinds.pong, readNumber(body)));
    else if (kind === frameKinds.pong) answered(readNumber(body));
    else if (kind === frameKinds.hello) listener.hello(readText(body));
    else cut("it said what no worker says");
  }

  function lose(): void {
    if (!open) return;
    open = false;
    clearInterval(beating);
    socket.destroy();
    for (const { tell } of asking) tell(false);
    listener.lost(reason, unwritten);
    onEnded();
  }

  function cut(why: string): void {
    reason = why;
    lose();
  }

  function beat(): void {
    if (++silentBeats > silentBeatsMax) cut("no sign of life");
    else void ask();
  }

  const read = createFrameReader(onFrame);
  socket.on("data", (chunk: Buffer) => {
    silentBeats = 0;
    read(chunk);
  });
  socket.on("error", () => {});
  // Both ends at once: whoever ends has nothing more to say, nor anything to hear.
  socket.on("close", lose);
  const beating = setInterval(beat, beatMs);

  return {
    wants: (instanceId) => wanted.has(instanceId),

    sendEvent(frame) {
      unwritten++;
      outgoingEvents++;
      send(frame);
    },

    hello: (name) => send(textFrame(frameKinds.hello, name)),
    subscribe: (instanceId) => send(textFrame(frameKinds.subscribe, instanceId)),
    unsubscribe: (instanceId) => send(textFrame(frameKinds.unsubscribe, instanceId)),

    confirm() {
      // All who ask within one turn share one question.
      gathering ??= new Promise((resolve) => {
        setImmediate(() => {
          gathering = undefined;
          resolve(ask());
        });
      });
      return gathering;
    },

    written: () => (unwritten === 0 ? undefined : writing),
    cut,

    async end() {
      await writing;
      socket.end();
      await ended;
    },
  };
}
