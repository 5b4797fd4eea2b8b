/** What was promised, as numbers: each bar is measured or said to be missing. */

import { ratio, table } from "./markdown.mjs";
import { compare, frozenRatio, middle } from "./measures.mjs";

/**
 * @typedef {object} Bar
 * @property {string} what
 * @property {number} bar
 * @property {boolean} [atLeast] the measured value must not be below; else it must not be above
 * @property {(results: import("./measures.mjs").Results) => number | undefined} measure
 */

const cost = (workload, system, base, burst) => (results) =>
  compare(results[workload]?.samples ?? [], system, base, "usPerFrame", (s) => s.burst === burst)?.median;

const bursts = [1, 4, 16];
const against = (peer, title, bars, hub = "hub", hubTitle = "hub") =>
  bursts.map((burst, at) => ({
    what: `${hubTitle} against ${title}, K = ${burst}`,
    bar: bars[at],
    measure: cost("fanout", hub, peer, burst),
  }));

/** The hub as everybody else is compared with it, and the hub that gets its events in the way of these. */
const againstEager = (peer, title, bars) => [
  ...against(peer, title, bars),
  ...against(peer, title, bars, "hub-eager", "hub, driven alike,"),
];

const idleOf = (results, system) => results.idle?.rows.find((row) => row.system === system)?.bytesPerSocket;
const ingestOf = (results, system) => middle(results.ingest?.samples ?? [], "usPerEvent", (s) => s.system === system);
const ingestRatio = (system, base) => (results) =>
  compare(results.ingest?.samples ?? [], system, base, "usPerEvent")?.median;
const climbsOf = (results) => results.saturation?.climbs ?? [];
const quotient = (a, b) => (a === undefined || b === undefined ? undefined : a / b);

/** Growth as a multiple of what is allowed: one copy of the waiting frames and 8 KiB per socket. */
const stuckRatio = (workload) => (results) => {
  const row = results[workload]?.rows.find((r) => r.system === "stream");
  return row && row.growth / (row.waiting * row.size + row.sockets * 8192);
};

/** @type {Bar[]} */
export const bars = [
  ...bursts.map((k) => ({
    what: `hub against bare \`publish\`, 1,000 × 400 B, K = ${k}`,
    bar: 1.05,
    measure: cost("fanout", "hub", "publish", k),
  })),
  { what: "the same, K = 64", bar: 1.1, measure: cost("fanout", "hub", "publish", 64) },
  {
    what: "Subscribe against a server stream of connect-node, 200 consumers of gRPC, 400 B, K = 1",
    bar: 0.3,
    measure: cost("streams", "subscribe", "connect-stream", 1),
  },
  { what: "the same, K = 16", bar: 0.06, measure: cost("streams", "subscribe", "connect-stream", 16) },
  ...bursts.map((k) => ({
    what: `the same, 2 KiB, K = ${k}`,
    bar: 1.1,
    measure: cost("frames2k", "hub", "publish", k),
  })),
  ...bursts.map((k) => ({
    what: `the same, 5,000 sockets, K = ${k}`,
    bar: 1.1,
    measure: cost("crowd", "hub", "publish", k),
  })),
  ...[1, 4].map((k) => ({
    what: `the same, 20 KiB, K = ${k}`,
    bar: 0.9,
    measure: cost("frames20k", "hub", "publish", k),
  })),
  ...[1, 4].map((k) => ({
    what: `the same, 64 KiB, K = ${k}`,
    bar: 0.9,
    measure: cost("frames64k", "hub", "publish", k),
  })),
  { what: "the same, media of 256 KiB", bar: 0.9, measure: cost("media", "hub", "publish", 1) },
  ...bursts.map((k) => ({
    what: `end to end over the gRPC stream against the hub alone, K = ${k}`,
    bar: 1.1,
    measure: cost("fanout", "stream", "hub", k),
  })),
  ...against("ws", "`ws`", [0.85, 0.22, 0.06]),
  ...against("socket.io", "Socket.IO", [0.7, 0.2, 0.06]),
  ...againstEager("nchan", "Nchan", [0.95, 0.25, 0.07]),
  ...againstEager("nats", "nats-server over WebSocket", [0.7, 0.58, 0.4]),
  {
    what: "frames/s sustained end to end, millions",
    bar: 1.5,
    atLeast: true,
    measure: (r) =>
      quotient(
        middle(climbsOf(r), "framesPerSecond", ({ system }) => system === "stream"),
        1e6,
      ),
  },
  {
    what: "the same, against bare `publish`",
    bar: 0.95,
    atLeast: true,
    measure: (r) => compare(climbsOf(r), "stream", "publish", "framesPerSecond")?.median,
  },
  {
    what: "p99 of 999 readers while one is frozen, against without",
    bar: 1.05,
    measure: (r) => frozenRatio(r.frozen?.samples ?? [], "stream")?.median,
  },
  { what: "memory per idle socket, kB", bar: 3, measure: (r) => quotient(idleOf(r, "stream"), 1000) },
  { what: "the same, against `ws`", bar: 0.4, measure: (r) => quotient(idleOf(r, "stream"), idleOf(r, "ws")) },
  {
    what: "the same, against Socket.IO",
    bar: 0.2,
    measure: (r) => quotient(idleOf(r, "stream"), idleOf(r, "socket.io")),
  },
  {
    what: "CPU per upgrade, against a bare one",
    bar: 1.5,
    measure: (r) => compare(r.storm?.samples ?? [], "stream", "publish", "usPerUpgrade")?.median,
  },
  {
    what: "events without a taker by gRPC stream, thousands per second of CPU",
    bar: 300,
    atLeast: true,
    measure: (r) => quotient(1000, ingestOf(r, "stream, no taker")),
  },
  {
    what: "gRPC unary against the stream, per event",
    bar: 20,
    atLeast: true,
    measure: ingestRatio("unary, one taker", "stream, one taker"),
  },
  {
    what: "REST against a bare route that parses",
    bar: 2,
    measure: ingestRatio("REST, one taker", "bare route that parses"),
  },
  { what: "1,000 frozen readers, 2 KiB: growth against what is allowed", bar: 1, measure: stuckRatio("stuck") },
  { what: "the same, media of 256 KiB", bar: 1, measure: stuckRatio("stuckmedia") },
];

export function barsTable(results) {
  const rows = [];
  for (const { what, bar, atLeast = false, measure } of bars) {
    const measured = measure(results);
    if (measured === undefined) continue;
    const reached = atLeast ? measured >= bar : measured <= bar;
    const gap = `no, by ${Math.abs((measured / bar - 1) * 100).toFixed(0)} %`;
    rows.push([what, `${atLeast ? "≥" : "≤"} ${bar}`, ratio(measured), reached ? "yes" : gap]);
  }
  return rows.length === 0 ? undefined : table(["what", "bar", "measured", "reached"], rows);
}
