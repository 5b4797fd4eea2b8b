/** Another worker: found again when its connection was lost while it lives, and forgotten once it has ended. */

import type { Socket } from "node:net";
import type { Logger } from "pino";
import type { BusStats, Event } from "./bus.js";
import { createInterruptions } from "./interruptions.js";
import type { MeshConnection } from "./mesh-connection.js";
import { eventFrame } from "./mesh-frames.js";

export interface MeshPeerOptions {
  readonly name: string;
  /** Whether it was here first: the newcomer dials, and dials again. */
  readonly dials: boolean;
  /** Undefined: it has ended. `busy`: it lives, but takes no connection. */
  readonly dial: () => Promise<Socket | "busy" | undefined>;
  /** Opens a connection on it, which is adopted. */
  readonly connect: (socket: Socket) => void;
  /** What this worker wants to hear. */
  readonly interest: () => Iterable<string>;
  readonly gone: () => void;
  readonly logger: Logger;
  readonly stats: Pick<BusStats, "unreached" | "interruptions" | "interruptedMs">;
}

/** An event on its way to several workers, encoded for the first that wants it. */
export interface Parcel {
  readonly event: Event;
  frame?: Buffer;
}

export interface MeshPeer {
  /** Its events may be missed, and ours do not reach it. */
  readonly interrupted: boolean;
  /** Whether the event is wanted there, or may be. */
  give(parcel: Parcel): boolean;
  /** Whether what was given has reached it. Undefined: it has. Never rejects. */
  reached(): Promise<boolean> | undefined;
  subscribe(instanceId: string): void;
  unsubscribe(instanceId: string): void;
  /** Resolves when it knows all that this worker wants, and when it can not be reached. Undefined: at once. */
  inForce(): Promise<unknown> | undefined;
  /** In place of the connection that it had. */
  adopt(connection: MeshConnection): void;
  confirmed(askedAt: number): void;
  lost(connection: MeshConnection, reason: string, unwritten: number): void;
  interrupt(reason: string): void;
  close(): Promise<void>;
}

const retryMs = 200;
/** One that is ending may still take a connection, until the kernel has closed all that it had. */
const dyingMs = 100;

export function createMeshPeer(options: MeshPeerOptions): MeshPeer {
  const { name, dials, dial, connect, interest, gone, stats } = options;
  const interruptions = createInterruptions({ logger: options.logger.child({ peer: name }), stats });
  let connection: MeshConnection | undefined;
  /** Why there is none, until it is known whether the worker lives. */
  let lostFor: string | undefined;
  let interrupted = false;
  let closing = false;
  /** Events that it has not got, if it lives. */
  let doubtful = 0;
  let retry: NodeJS.Timeout | undefined;
  /** Of the connection: true when it turns out that the worker has ended, so that nobody there misses anything. */
  let fate = createFate();

  function interrupt(reason: string): void {
    lostFor = undefined;
    interrupted = true;
    interruptions.begin(reason);
    stats.unreached += doubtful;
    doubtful = 0;
    fate.tell(false);
  }

  async function look(reason: string): Promise<void> {
    const found = await dial();
    if (found instanceof Object && (await closesWithin(found, dyingMs))) return look(reason);
    if (connection !== undefined || closing) {
      if (found instanceof Object) found.destroy();
      return;
    }
    if (found === undefined) {
      fate.tell(true);
      interruptions.end();
      return gone();
    }
    interrupt(reason);
    if (dials && found !== "busy") return connect(found);
    if (found !== "busy") found.destroy();
    retry = setTimeout(look, retryMs, reason);
  }

  return {
    get interrupted() {
      return interrupted;
    },

    give(parcel) {
      if (interrupted) stats.unreached++;
      else if (connection === undefined) doubtful++;
      else if (connection.wants(parcel.event.instanceId)) {
        parcel.frame ??= eventFrame(parcel.event);
        connection.sendEvent(parcel.frame);
      } else return false;
      return true;
    },

    reached() {
      const ended = fate.told;
      if (interrupted || connection === undefined) return ended;
      return connection.written()?.then((whole) => whole || ended);
    },

    subscribe: (instanceId) => connection?.subscribe(instanceId),
    unsubscribe: (instanceId) => connection?.unsubscribe(instanceId),
    inForce: () => (interrupted ? undefined : connection?.confirm()),

    adopt(made) {
      if (connection !== undefined) {
        const old = connection;
        connection = undefined;
        lostFor = "it has dialled again";
        old.cut(lostFor);
      }
      // It has, so it lives.
      if (lostFor !== undefined) interrupt(lostFor);
      clearTimeout(retry);
      connection = made;
      fate = createFate();
      if (interrupted) fate.tell(false);
      for (const instanceId of interest()) made.subscribe(instanceId);
      void made.confirm().then((known) => {
        if (!known || connection !== made || !interrupted) return;
        interrupted = false;
        fate = createFate();
        interruptions.end();
      });
    },

    confirmed: interruptions.confirmed,

    lost(which, reason, unwritten) {
      doubtful += unwritten;
      if (which !== connection || closing) return;
      connection = undefined;
      lostFor = reason;
      if (interrupted) retry = setTimeout(look, retryMs, reason);
      else void look(reason);
    },

    interrupt,

    async close() {
      closing = true;
      clearTimeout(retry);
      fate.tell(false);
      await connection?.end();
    },
  };
}

function createFate() {
  let tell: (ended: boolean) => void = () => {};
  const told = new Promise<boolean>((resolve) => {
    tell = resolve;
  });
  return { told, tell };
}

function closesWithin(socket: Socket, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms, false);
    const onClose = (): void => done(true);
    function done(closed: boolean): void {
      clearTimeout(timer);
      socket.off("close", onClose);
      resolve(closed);
    }
    socket.once("close", onClose);
    // Else its end would not be seen.
    socket.resume();
  });
}
