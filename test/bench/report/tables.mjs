/** One table per workload, by the kind of its measurement. */

import { peers } from "../peers/catalogue.mjs";
import { kilobytes, megabytes, number, percent, ratio, table } from "./markdown.mjs";
import { compare, frozenRatio, middle } from "./measures.mjs";

const titleOf = (system) => peers[system]?.title ?? system;
const unique = (values) => [...new Set(values)];

/** What a frame costs in each system, as a multiple of the first one. */
export function costTable({ samples }) {
  const systems = unique(samples.map(({ system }) => system));
  const bursts = unique(samples.map(({ burst }) => burst));
  const [base] = systems;
  const cost = (system) =>
    bursts.map((burst) => {
      const found = compare(samples, system, base, "usPerFrame", (sample) => sample.burst === burst);
      const us = middle(samples, "usPerFrame", (s) => s.system === system && s.burst === burst);
      return system === base
        ? `1 (${number(us)} µs)`
        : `${ratio(found?.median)} ± ${percent(found?.spread)} (${number(us)} µs)`;
    });
  return [
    `CPU of the server per delivered frame, ${titleOf(base)} = 1. K events at once; median over rounds ± half the distance between the quartiles.`,
    table(
      ["system", ...bursts.map((burst) => `K = ${burst}`)],
      systems.map((system) => [titleOf(system), ...cost(system)]),
    ),
  ].join("\n\n");
}

/** @type {Record<string, (result: any) => string>} */
export const tables = {
  throughput({ samples, others }) {
    const systems = unique(samples.map(({ system }) => system));
    const bursts = unique(samples.map(({ burst }) => burst));
    const [base] = systems;
    const speed = (system) =>
      bursts.map((burst) =>
        number(middle(samples, "framesPerCpuSecond", (s) => s.system === system && s.burst === burst)),
      );
    const loads = bursts.map((burst) => {
      const share = (system) => middle(samples, "loadShare", (s) => s.system === system && s.burst === burst);
      return `${percent(share(base))} (${percent(Math.max(...systems.map((system) => share(system) ?? 0)))})`;
    });
    const columns = bursts.map((burst) => `K = ${burst}`);
    return [
      costTable({ samples }),
      "Frames per second of CPU:",
      table(
        ["system", ...columns],
        systems.map((system) => [titleOf(system), ...speed(system)]),
      ),
      `Load generator as a part of the CPU of ${titleOf(base)} (at most of any system): ${loads.join(", ")}. Others on the server's core, in the median: ${percent(
        middle(
          others.map((share) => ({ share })),
          "share",
          () => true,
        ),
      )}.`,
    ].join("\n\n");
  },

  rates({ windows, gaveUp }) {
    const systems = unique(windows.map(({ system }) => system));
    const perSecond = unique(windows.map(({ rate }) => rate));
    const cell = (system, rate) => {
      const of = (key) => middle(windows, key, (w) => w.system === system && w.rate === rate);
      if (gaveUp[system] !== undefined && gaveUp[system] <= rate) return "not sustained";
      return `${["p50", "p99", "p999"].map((key) => number(of(key))).join(" / ")} (${percent(of("cpuShare"))})`;
    };
    return [
      "Latency p50 / p99 / p99.9 in ms, from the moment an event was meant to happen to its arrival (CPU of one core).",
      table(
        ["system", ...perSecond.map((rate) => `${rate} events/s`)],
        systems.map((s) => [titleOf(s), ...perSecond.map((r) => cell(s, r))]),
      ),
    ].join("\n\n");
  },

  saturation({ climbs }) {
    const systems = unique(climbs.map(({ system }) => system));
    const row = (system) => {
      const own = climbs.filter((climb) => climb.system === system);
      const found = compare(climbs, system, "publish", "framesPerSecond");
      return [
        titleOf(system),
        `${ratio(found?.median)} ± ${percent(found?.spread)}`,
        own.map(({ framesPerSecond }) => number(framesPerSecond)).join(" / "),
        own.map(({ p99 }) => number(p99)).join(" / "),
        own.map(({ end }) => end).join("; "),
      ];
    };
    return table(
      ["system", `${titleOf("publish")} = 1`, "frames/s, each round", "p99 ms there", "then"],
      systems.map(row),
    );
  },

  frozen({ samples }) {
    const of = (system, freeze, key) => middle(samples, key, (s) => s.system === system && s.freeze === freeze);
    const row = (system) => {
      const closes = samples
        .filter((s) => s.system === system && s.closed)
        .map(({ closed }) => closed.join(",") || "open");
      const found = frozenRatio(samples, system);
      return [
        titleOf(system),
        ...[false, true].map((freeze) => `${number(of(system, freeze, "p50"))} / ${number(of(system, freeze, "p99"))}`),
        `${ratio(found?.median)} ± ${percent(found?.spread)}`,
        unique(closes).join("; "),
      ];
    };
    const systems = unique(samples.map(({ system }) => system));
    return table(
      ["system", "all read, p50 / p99 ms", "one frozen, p50 / p99 ms", "ratio of p99", "what it read when thawed"],
      systems.map(row),
    );
  },

  stuck: ({ rows }) =>
    table(
      ["system", "frame", "frames waiting", "one copy of them", "growth of the process", "growth of the kernel"],
      rows.map((r) => [
        titleOf(r.system),
        number(r.size),
        r.waiting,
        megabytes(r.waiting * r.size),
        megabytes(r.growth),
        megabytes(r.kernelGrowth),
      ]),
    ),

  idle: ({ rows }) =>
    table(
      ["system", "sockets", "empty process", "per socket", "per further socket", "kernel, both ends"],
      rows.map((r) => [
        titleOf(r.system),
        number(r.count),
        megabytes(r.emptyBytes),
        kilobytes(r.bytesPerSocket),
        kilobytes(r.bytesPerFurtherSocket),
        kilobytes(r.kernelBytesPerSocket),
      ]),
    ),

  storm({ systems, samples }) {
    const row = (system) => {
      const found = compare(samples, system, systems[0], "usPerUpgrade");
      const of = (key) => number(middle(samples, key, (s) => s.system === system));
      return [
        titleOf(system),
        `${ratio(found?.median)} ± ${percent(found?.spread)}`,
        of("usPerUpgrade"),
        of("upgradesPerSecond"),
      ];
    };
    return table(["system", `${titleOf(systems[0])} = 1`, "CPU µs per upgrade", "upgrades/s seen"], systems.map(row));
  },

  generator({ systems, samples }) {
    const bursts = unique(samples.map(({ burst }) => burst));
    const cell = (system, burst) => {
      const found = compare(samples, system, systems[0], "usPerFrame", (s) => s.burst === burst);
      const share = middle(samples, "loadShare", (s) => s.system === system && s.burst === burst);
      return `${ratio(found?.median)} ± ${percent(found?.spread)} (${percent(share)})`;
    };
    return [
      "CPU of the server per frame, and in brackets the generator's CPU as a part of it.",
      table(
        ["generator", ...bursts.map((burst) => `K = ${burst}`)],
        systems.map((system) => [system, ...bursts.map((burst) => cell(system, burst))]),
      ),
    ].join("\n\n");
  },

  ingest({ systems, samples }) {
    const row = (system) => {
      const us = middle(samples, "usPerEvent", (s) => s.system === system);
      return [system, number(us), number(1e6 / us), percent(middle(samples, "loadShare", (s) => s.system === system))];
    };
    return table(
      ["way", "CPU µs per event", "events per second of CPU", "publisher's CPU, as a part of the server's"],
      systems.map(row),
    );
  },

  nodes({ latencies, floods }) {
    const at = (values, part) => number(values.toSorted((a, b) => a - b)[Math.floor(values.length * part)]);
    const latency = Object.entries(latencies).flatMap(([way, { frame, answer }]) => [
      [`${way}: frame`, at(frame, 0.5), at(frame, 0.99), number(frame.length)],
      [`${way}: answer`, at(answer, 0.5), at(answer, 0.99), number(answer.length)],
    ]);
    const ways = unique(floods.map(({ way }) => way));
    const of = (way, what) => number(middle(floods, what, (f) => f.way === way));
    return [
      table(["REST, one event at a time", "p50 µs", "p99 µs", "events"], latency),
      table(
        [
          "stream, batches of 64",
          "events/s",
          "CPU µs per event where it is taken",
          "CPU µs per event where the socket is",
        ],
        ways.map((way) => [way, of(way, "perSecond"), of(way, "nearUs"), of(way, "farUs")]),
      ),
    ].join("\n\n");
  },
};
