/** The property of control frames on real connections: readers that stop, go on, narrow, leave and come, on sockets and streams. */

import { setImmediate as turn } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import type { Consumer } from "../../src/delivery/consumer.js";
import type { Hub } from "../../src/delivery/hub.js";
import { type EventType, eventTypes } from "../../src/domain/event-type.js";
import type { CopyLimit } from "../../src/transport/uws/fan-out.js";
import { bitsOf, type Control, controlFormat } from "../support/control-hub.js";
import { all, entry } from "../support/fake-hub.js";
import { Random } from "../support/random.js";
import { realHub } from "../support/real-hub.js";
import { realStreams, streamProtocols } from "../support/real-streams.js";
import { Happenings, unexplained } from "../support/standing.js";
import { until } from "../support/until.js";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

interface Peer {
  readonly consumer: Consumer;
  readonly told: readonly (number | Control)[];
  pause(): void;
  resume(): void;
  leave(): void;
}

interface Parts {
  readonly hub: Hub;
  publishOne(size: number, type: EventType): void;
  connect(): Promise<Peer>;
}

async function overSockets(copyLimit?: CopyLimit): Promise<Parts> {
  const { hub, publishOne, connect } = await realHub(cleanups, copyLimit, controlFormat);
  return {
    hub,
    publishOne,
    async connect() {
      const { client, consumer, told } = await connect();
      return {
        consumer,
        told,
        pause: () => client.pause(),
        resume: () => client.resume(),
        leave: () => client.terminate(),
      };
    },
  };
}

const kinds: readonly (readonly [string, () => Promise<Parts>])[] = [
  ["WebSockets of uWebSockets", () => overSockets()],
  ["WebSockets of uWebSockets, large frames in fragments", () => overSockets({ min: 0, perSocket: 0 })],
  ...streamProtocols.map((protocol) => {
    const make = async (): Promise<Parts> => {
      const { hub, publishOne, connect } = await realStreams(protocol, cleanups, controlFormat);
      return {
        hub,
        publishOne,
        async connect() {
          const { stream, consumer, told, leave } = await connect();
          return { consumer, told, pause: () => void stream.pause(), resume: () => void stream.resume(), leave };
        },
      };
    };
    return [`streams of Node over ${protocol.name}`, make] as const;
  }),
];

describe.each(kinds)("over %s", (_, make) => {
  it.each([1, 2, 3, 4])(
    "each event arrives once and in order, or a gap or a close covers it (seed %d)",
    async (seed) => {
      const random = new Random(seed);
      const { hub, publishOne, connect } = await make();
      const happenings = new Happenings();
      const readers: { peer: Peer; joinedAt: number; left: boolean }[] = [];
      let version = 1;
      const some = (): EventType[] => {
        const types = eventTypes.filter(() => random.below(2) === 0);
        return types.length === 0 ? [random.pick(eventTypes)] : types;
      };
      const join = async (): Promise<void> => {
        const joinedAt = happenings.count;
        readers.push({ peer: await connect(), joinedAt, left: false });
      };
      const publish = (count: number, size: () => number): void => {
        for (let i = 0; i < count; i++) {
          const type = random.pick(eventTypes);
          happenings.accepted(type);
          publishOne(size(), type);
        }
      };
      for (let i = 0; i < 6; i++) await join();
      for (let step = 0; step < 400; step++) {
        const reader = random.pick(readers);
        const dice = random.below(100);
        if (dice < 40) publish(random.below(60), () => random.below(2_000));
        else if (dice < 50) publish(random.below(6), () => random.below(200_000));
        else if (dice < 65) reader.peer.pause();
        else if (dice < 80) reader.peer.resume();
        else if (dice < 90) hub.narrow(reader.peer.consumer, bitsOf(...some()));
        else if (dice < 93) hub.answerPing(reader.peer.consumer);
        else if (dice < 95) {
          happenings.configured(++version);
          hub.instanceChanged(entry("1", { ...all, events: some(), version } as never));
        } else if (dice < 97) {
          reader.left = true;
          reader.peer.leave();
        } else await join();
        for (let i = random.below(4); i > 0; i--) await turn();
      }
      for (const { peer } of readers) peer.resume();
      // The last frame is told to everyone, and so says that everything before it has arrived or will not come.
      hub.instanceChanged(entry("1", { ...all, version: ++version } as never));
      happenings.configured(version);
      const open = readers.filter(({ left, peer }) => !left && peer.consumer.index !== -1);
      expect(open.length).toBeGreaterThan(0);
      await until(() => open.every(({ peer }) => closed(peer) || peer.told.some((frame) => isVersion(frame, version))));
      for (const { peer, joinedAt, left } of readers) {
        const told = { joinedAt, frames: peer.told, ended: left || peer.told.length === 0 || closed(peer) };
        expect(unexplained(told, happenings)).toBeUndefined();
      }
    },
  );
});

function isVersion(frame: number | Control, version: number): boolean {
  return typeof frame === "object" && frame.control === "config_changed" && frame.configurationVersion === version;
}

function closed({ told, consumer }: Peer): boolean {
  const last = told.at(-1);
  return !consumer.open || consumer.index === -1 || (typeof last === "object" && last.control === "closing");
}
