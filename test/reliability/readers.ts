/**
 * Hundreds of readers of all kinds, spread over the nodes. Each reader comes back after its connection ended. Every
 * connection is written down with its frames and its end.
 */

import { setMaxListeners } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type { Random } from "../support/random.js";
import { until } from "../support/until.js";
import type { Life, Publication, Receipt } from "./books.js";
import type { Channel } from "./channels.js";
import type { Cluster, NodeProcess } from "./cluster.js";
import { type Connection, type Dial, dials, plainKind } from "./connections.js";
import { type Crowd, gather, type Reader, someTypes } from "./crowd.js";
import { bitsOf, keepLife } from "./lives.js";
import { mayTake } from "./reading.js";

export interface Readers {
  readonly lives: readonly Life[];
  /** Of each consumer that goes on after its last position: the records of its connections. */
  readonly resuming: readonly (readonly Life[])[];
  /** Ends this many connections without a word. */
  cut(count: number): void;
  /** Ends this many connections of consumers of `eventwire.v1`. The consumers then connect to another node. */
  move(count: number): void;
  /** Ends this many connections of consumers that go on after their last position. The consumers stay away for `ms` milliseconds. */
  leave(count: number, ms: number): void;
  /** Stops this many readers from reading. With a channel, only readers that get its events. */
  freeze(count: number, ms: number, channel?: Channel): Promise<void>;
  /** Lets this many readers read in short bursts. */
  lag(count: number, ms: number): Promise<void>;
  /** Ends the narrowing. Resolves when every narrowing was answered. */
  rest(): Promise<void>;
  /** Calls back who stays away. Resolves once every reader has an open connection. */
  allOpen(): Promise<void>;
  /** Resolves once every connection has got the markers that its filter takes. */
  caughtUp(markers: readonly Publication[]): Promise<void>;
  close(): Promise<void>;
}

const returnMsMax = 400;
const narrowMsMax = 150;
/** A lagging reader stops for at most so long, and then reads for at most so long. */
const [stopMsMax, burstMsMax] = [300, 30];

/** `choose` says where a reader without a connection goes. Undefined means that it has to wait. */
export function startReaders(options: {
  cluster: Cluster;
  channels: readonly Channel[];
  crowd: Crowd;
  random: Random;
  choose: () => NodeProcess | undefined;
}): Readers {
  const { cluster, channels, crowd, random, choose } = options;
  const lives: Life[] = [];
  const paused = new Set<Connection>();
  const readers = gather(crowd, channels);
  let closing = false;
  let resting = false;
  let recall = manyListeners();
  const running = [...readers.map(run), narrowOnAndOn()];

  async function run(reader: Reader): Promise<void> {
    while (!closing) {
      const process = choose();
      if (process !== undefined && process.number !== reader.left) await live(reader, process);
      await reader.away;
      if (!closing) await delay(random.below(returnMsMax));
    }
  }

  /** Resolves when the connection is gone or could not be opened. */
  function live(reader: Reader, process: NodeProcess): Promise<void> {
    const { kind, channel, resumes } = reader;
    const keepsTypes = kind === plainKind || (resumes && reader.lives.length > 0);
    const events = keepsTypes ? reader.events : someTypes(random);
    const after = resumes ? reader.lives.at(-1)?.told?.position : undefined;
    Object.assign(reader, { left: undefined, away: undefined, narrowing: false, cut: false, events });
    return new Promise((resolve) => {
      const keeper = keepLife({
        kind,
        process: process.number,
        channels,
        channel,
        asked: () => bitsOf(reader.events),
        after,
        cut: () => reader.cut,
        onOpened(life) {
          lives.push(life);
          reader.lives.push(life);
          reader.life = life;
        },
        onNarrowed() {
          reader.narrowing = false;
        },
        onEnded() {
          reader.life = undefined;
          resolve();
        },
      });
      reader.stop = keeper.stop;
      const address = { process, token: cluster.token, instance: channel?.name ?? "", events, after };
      reader.connection = (dials[kind] as Dial)(address, keeper);
    });
  }

  function pickOpen(wanted: number, from: readonly Reader[] = readers): Reader[] {
    const open = from.filter(({ life, connection }) => life !== undefined && !paused.has(connection as Connection));
    return Array.from({ length: Math.min(wanted, open.length) }, () => {
      const [reader] = open.splice(random.below(open.length), 1);
      return reader as Reader;
    });
  }

  function end(reader: Reader): void {
    reader.cut = true;
    reader.connection?.cut();
  }

  async function narrowOnAndOn(): Promise<void> {
    while (!resting && !closing) {
      const able = readers.filter(({ life, narrowing, connection }) => life && !narrowing && connection?.narrow);
      if (able.length > 0) {
        const reader = random.pick(able);
        reader.events = someTypes(random);
        reader.narrowing = true;
        reader.connection?.narrow?.(reader.events);
      }
      await delay(random.below(narrowMsMax));
    }
  }

  /** Calls `meanwhile` while these connections are not read. */
  async function holdUp(connections: readonly Connection[], meanwhile: () => Promise<unknown>): Promise<void> {
    for (const connection of connections) {
      paused.add(connection);
      connection.pause();
    }
    await meanwhile();
    for (const connection of connections) {
      paused.delete(connection);
      connection.resume();
    }
  }

  const connectionsOf = (picked: readonly Reader[]) => picked.map(({ connection }) => connection as Connection);

  return {
    lives,
    resuming: readers.filter(({ resumes }) => resumes).map((reader) => reader.lives),
    cut(wanted) {
      for (const reader of pickOpen(wanted)) end(reader);
    },
    move(wanted) {
      const v1 = readers.filter(({ kind }) => kind !== plainKind);
      for (const reader of pickOpen(wanted, v1)) {
        reader.left = reader.life?.process;
        end(reader);
      }
    },
    leave(wanted, ms) {
      for (const reader of pickOpen(
        wanted,
        readers.filter(({ resumes }) => resumes),
      )) {
        reader.away = delay(ms, undefined, { signal: recall.signal }).catch(() => {});
        end(reader);
      }
    },
    async freeze(wanted, ms, channel) {
      const from = readers.filter((reader) => channel === undefined || (reader.channel ?? channel) === channel);
      await holdUp(connectionsOf(pickOpen(wanted, from)), () => delay(ms));
    },
    async lag(wanted, ms) {
      const lagging = connectionsOf(pickOpen(wanted));
      const begin = Date.now();
      while (Date.now() - begin < ms) {
        await holdUp(lagging, () => delay(random.below(stopMsMax)));
        await delay(random.below(burstMsMax));
      }
    },
    rest() {
      resting = true;
      return until(() => readers.every(({ narrowing, life }) => !narrowing || life === undefined));
    },
    allOpen() {
      recall.abort();
      recall = manyListeners();
      return until(() => readers.every(({ life }) => life !== undefined));
    },
    caughtUp: (markers) =>
      until(() => readers.every(({ life, lives }) => life !== undefined && hasGot(lives, markers))),
    async close() {
      closing = true;
      for (const reader of readers) {
        reader.stop();
        end(reader);
      }
      await Promise.all(running);
    },
  };
}

function manyListeners(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}

/**
 * Looks at the last connection, with those before it after whose positions it goes on. When the first of them was opened after the
 * markers, there is nothing to wait for: the markers came after everything else.
 */
function hasGot(lives: readonly Life[], markers: readonly Publication[]): boolean {
  const begin = lives.findLastIndex(({ told }) => told?.resumed !== true);
  const [chain, last] = [lives.slice(begin), lives.at(-1) as Life];
  const due = markers.filter((marker) => marker.startedAt > (chain[0] as Life).openedAt && mayTake(last, marker));
  const isSame = (got: Receipt, { instance, publisher, n }: Publication): boolean =>
    got.n === n && got.publisher === publisher && got.instance === instance;
  return due.every((marker) => chain.some(({ received }) => received.some((got) => isSame(got, marker))));
}
