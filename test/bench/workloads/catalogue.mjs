/** Every workload, in the order of the report. */

import { frozen } from "./frozen.mjs";
import { generator } from "./generator.mjs";
import { idle } from "./idle.mjs";
import { ingest } from "./ingest.mjs";
import { nodes } from "./nodes.mjs";
import { rates } from "./rates.mjs";
import { saturation } from "./saturation.mjs";
import { storm } from "./storm.mjs";
import { stuck } from "./stuck.mjs";
import { throughput } from "./throughput.mjs";

const KiB = 1024;
const others = ["ws", "socket.io", "nchan", "nats"];
const all = ["hub", "publish", "stream", ...others];
/** Few in a heat, so that their turns come soon again and find warmer caches. */
const heats = [
  { systems: ["hub", "publish", "stream"] },
  { systems: ["hub", "ws", "socket.io"] },
  { systems: ["hub", "hub-eager", "nchan", "nats"] },
];
/** Little lies between the first three, and between the others and their bars. */
const [nearest, ...farther] = heats;
const longHeats = [{ ...nearest, times: 3 }, ...farther.map((heat) => ({ ...heat, times: 2 }))];

export const workloads = [
  throughput({
    name: "fanout",
    title: "1,000 sockets, frames of 400 B",
    shape: { size: 400, instances: 1, sockets: 1000 },
    bursts: [1, 4, 16, 64],
    heats: [...longHeats, { systems: ["hub", "unary", "rest"] }, { systems: ["hub", "hub-v1"], times: 2 }],
    quick: true,
  }),
  throughput({
    name: "frames2k",
    title: "1,000 sockets, frames of 2 KiB",
    shape: { size: 2 * KiB, instances: 1, sockets: 1000 },
    bursts: [1, 4, 16],
    heats,
  }),
  throughput({
    name: "crowd",
    title: "5,000 sockets, frames of 400 B",
    shape: { size: 400, instances: 1, sockets: 5000 },
    bursts: [1, 4, 16],
    heats,
  }),
  throughput({
    name: "instances",
    title: "100 instances with 100 sockets each, mixed filters, six event types, frames of 400 B",
    shape: { size: 400, instances: 100, sockets: 10_000, mixed: true },
    bursts: [24, 96],
    heats: [{ systems: ["hub", "publish", "stream"] }],
  }),
  throughput({
    name: "cores",
    title: "Two workers against one process: 1,000 sockets of one instance, frames of 400 B",
    shape: { size: 400, instances: 1, sockets: 1000 },
    bursts: [1, 4, 16],
    merging: true,
    heats: [{ systems: ["stream", "workers"] }],
  }),
  throughput({
    name: "cores100",
    title: "Two workers against one process: 100 instances with 10 sockets each, frames of 400 B",
    shape: { size: 400, instances: 100, sockets: 1000 },
    bursts: [24, 96],
    merging: true,
    heats: [{ systems: ["stream", "workers"] }],
  }),
  throughput({
    name: "streams",
    title: "200 consumers of gRPC, and as many sockets, frames of 400 B",
    shape: { size: 400, instances: 1, sockets: 200 },
    bursts: [1, 4, 16],
    heats: [{ systems: ["connect-stream", "subscribe", "hub"] }],
  }),
  throughput({
    name: "frames20k",
    title: "500 sockets, frames of 20 KiB",
    shape: { size: 20 * KiB, instances: 1, sockets: 500 },
    bursts: [1, 4],
    heats: [{ systems: ["hub", "publish"], times: 3 }, { systems: ["hub", "stream", "ws"] }],
  }),
  throughput({
    name: "frames64k",
    title: "200 sockets, frames of 64 KiB",
    shape: { size: 64 * KiB, instances: 1, sockets: 200 },
    bursts: [1, 4],
    heats: [{ systems: ["hub", "publish"] }],
  }),
  throughput({
    name: "media",
    title: "100 sockets, media in frames of 256 KiB as base64",
    shape: { size: 256 * KiB, instances: 1, sockets: 100, media: true },
    bursts: [1],
    heats: [{ systems: ["hub", "publish"] }, { systems: ["hub", "stream", "ws"] }],
  }),
  rates({
    name: "rates",
    title: "Fixed rates: 1,000 sockets, frames of 400 B",
    shape: { size: 400, instances: 1, sockets: 1000 },
    perSecond: [50, 200, 1000, 1500],
    systems: all,
  }),
  saturation({
    name: "saturation",
    title: "Saturation: 1,000 sockets, frames of 400 B",
    shape: { size: 400, instances: 1, sockets: 1000 },
    from: 3000,
    rounds: 7,
    systems: ["hub", "publish", "stream"],
  }),
  frozen({
    name: "frozen",
    title: "One frozen reader among 1,000, frames of 2 KiB, 120 events/s",
    shape: { size: 2 * KiB, instances: 1, sockets: 1000 },
    rate: 120,
    narrow: 64 * KiB,
    systems: ["hub", "stream"],
  }),
  stuck({
    name: "stuck",
    title: "1,000 frozen readers, frames of 2 KiB",
    shape: { size: 2 * KiB, instances: 1, sockets: 1000, perSecond: 100 },
    narrow: 64 * KiB,
    systems: ["hub", "stream"],
  }),
  stuck({
    name: "stuckmedia",
    title: "1,000 frozen readers, media in frames of 256 KiB",
    shape: { size: 256 * KiB, instances: 1, sockets: 1000, media: true, perSecond: 20 },
    narrow: 1024 * KiB,
    systems: ["hub", "stream"],
  }),
  idle({ name: "idle", title: "20,000 idle sockets", sockets: 20_000, systems: all }),
  storm({
    name: "storm",
    title: "A storm of 10,000 connections",
    sockets: 10_000,
    systems: ["publish", "hub", "stream", ...others],
  }),
  generator({
    name: "generator",
    title: "The load generator's own cost: 1,000 sockets, frames of 400 B",
    shape: { size: 400, instances: 1, sockets: 1000 },
    bursts: [1, 4, 16],
  }),
  ingest({ name: "ingest", title: "Taking events in: 400 B" }),
  nodes({ name: "nodes", title: "Between nodes: 400 B over NATS" }),
];
