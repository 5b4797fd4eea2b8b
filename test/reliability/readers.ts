/**
 * Hundreds of sockets, spread over the nodes. Each reader comes back after a close. Every socket is written down with
 * its frames and its end.
 */

import { setTimeout as delay } from "node:timers/promises";
import { WebSocket } from "ws";
import type { Random } from "../support/random.js";
import { until } from "../support/until.js";
import type { Life, Publication } from "./books.js";
import type { Channel } from "./channels.js";
import type { Cluster, NodeProcess } from "./cluster.js";

export interface Readers {
  readonly lives: readonly Life[];
  /** Breaks this many connections without a close frame. */
  cut(count: number): void;
  /** Stops this many readers from reading, on one channel if it is given. */
  freeze(count: number, ms: number, channel?: Channel): Promise<void>;
  /** Resolves once every reader has an open socket. */
  allOpen(): Promise<void>;
  /** Resolves once every open socket has got the markers of its channel. */
  caughtUp(markers: readonly Publication[]): Promise<void>;
  close(): Promise<void>;
}

interface Reader {
  readonly channel: Channel;
  socket: WebSocket | undefined;
  /** The record of the socket, while it is open. */
  life: Life | undefined;
}

const handshakeMsMax = 5_000;
const returnMsMax = 400;

/** `choose` says where a reader without a socket goes. Undefined means that it has to wait. */
export function startReaders(options: {
  cluster: Cluster;
  channels: readonly Channel[];
  count: number;
  random: Random;
  choose: () => NodeProcess | undefined;
}): Readers {
  const { cluster, channels, count, random, choose } = options;
  const lives: Life[] = [];
  const readers: Reader[] = Array.from({ length: count }, (_, i) => ({
    channel: channels[i % channels.length] as Channel,
    socket: undefined,
    life: undefined,
  }));
  let closing = false;
  const running = readers.map(run);

  async function run(reader: Reader): Promise<void> {
    while (!closing) {
      const process = choose();
      if (process !== undefined) await live(reader, process);
      if (!closing) await delay(random.below(returnMsMax));
    }
  }

  /** Resolves when the socket is gone or could not be opened. */
  function live(reader: Reader, process: NodeProcess): Promise<void> {
    const { index, name } = reader.channel;
    const url = `${process.url.replace("http", "ws")}/ws/${name}?token=${cluster.token}`;
    const socket = new WebSocket(url, { perMessageDeflate: false, handshakeTimeout: handshakeMsMax });
    reader.socket = socket;
    socket.on("error", () => {});
    socket.on("open", () => {
      const life: Life = {
        instance: index,
        process: process.number,
        openedAt: Date.now(),
        received: [],
        closed: undefined,
      };
      lives.push(life);
      reader.life = life;
    });
    socket.on("message", (frame: Buffer) => reader.life?.received.push(receiptOf(frame, index)));
    return new Promise((resolve) => {
      socket.on("close", (code) => {
        if (reader.life !== undefined) reader.life.closed = { at: Date.now(), code };
        reader.life = undefined;
        resolve();
      });
    });
  }

  function pickOpen(wanted: number, from: readonly Reader[]): WebSocket[] {
    const open = from.filter(({ life, socket }) => life !== undefined && socket?.isPaused === false);
    return Array.from({ length: Math.min(wanted, open.length) }, () => {
      const [reader] = open.splice(random.below(open.length), 1);
      return reader?.socket as WebSocket;
    });
  }

  return {
    lives,
    cut(wanted) {
      for (const socket of pickOpen(wanted, readers)) socket.terminate();
    },
    async freeze(wanted, ms, channel) {
      const from = readers.filter((reader) => channel === undefined || reader.channel === channel);
      const frozen = pickOpen(wanted, from);
      for (const socket of frozen) socket.pause();
      await delay(ms);
      for (const socket of frozen) socket.resume();
    },
    allOpen: () => until(() => readers.every(({ life }) => life !== undefined)),
    caughtUp: (markers) =>
      until(() =>
        readers.every(({ life }) => {
          const due = markers.filter(({ instance }) => instance === life?.instance);
          return due.every(({ publisher }) => life?.received.some((receipt) => receipt.publisher === publisher));
        }),
      ),
    async close() {
      closing = true;
      for (const reader of readers) {
        // Frames from now on do not count.
        reader.life = undefined;
        reader.socket?.terminate();
      }
      await Promise.all(running);
    },
  };
}

/** A frame of another instance counts as a frame that nobody published. */
function receiptOf(frame: Buffer, instance: number): { publisher: number; n: number } {
  const [, i, p, n] = /"data":\{"i":(\d+),"p":(\d+),"n":(\d+),/.exec(frame.toString("latin1", 0, 120)) ?? [];
  return Number(i) === instance ? { publisher: Number(p), n: Number(n) } : { publisher: -1, n: 0 };
}
