/**
 * The metrics that Prometheus reads. Eventwire counts in plain numbers, and turns them into text only when Prometheus
 * scrapes.
 */

import { AggregatorRegistry, Counter, collectDefaultMetrics, Gauge, type Metric, Registry } from "prom-client";
import type { Bus } from "../bus/bus.js";
import type { History } from "../history/history.js";
import type { Report } from "../workers/messages.js";
import { CallStats } from "./call-stats.js";
import { metricTable } from "./metric-table.js";

/**
 * The parts of a node that keep counts of their own. A scrape reads these counts, so the parts themselves only count.
 */
export interface MetricSources {
  readonly hub: {
    readonly consumers: number;
    readonly filtered: number;
    readonly framesBuilt: number;
    readonly framesDelivered: number;
    readonly resumes: ReadonlyMap<string, number>;
    readonly closes: ReadonlyMap<number, number>;
  };
  readonly keyed: { readonly outcomes: ReadonlyMap<string, number> };
  readonly publishing: { readonly published: number; readonly withoutClient: number };
  readonly directory: { readonly ready: boolean };
  readonly rateCounters: { readonly rejected: number };
  readonly bus: Pick<Bus, "stats" | "trouble">;
  /** Undefined when no history is kept. */
  readonly history: Pick<History, "stats" | "available"> | undefined;
  readonly webhooks: {
    readonly stats: {
      readonly totals:
        | { waiting: number; waitingBytes: number; dead: number; disabled: number; oldest: number | undefined }
        | undefined;
      readonly stored: number;
      readonly notStored: number;
      readonly dropped: number;
      readonly refused: number;
      readonly requests: number;
    };
  };
}

export interface Metrics {
  /**
   * The counts of a method, the same object at each call. Keep it, because finding it by name costs more than a count.
   */
  call(method: string): CallStats;
  /** Counts a call or upgrade that a rate limit refused. `bucket` is the name of the limit. */
  rateLimited(bucket: string): void;
  /** Counts an upgrade by its outcome. */
  upgradeAnswered(outcome: string): void;
  /** Counts an attempt to deliver an event to a webhook, and how long it took. */
  webhookAttempted(cause: string, seconds: number): void;
  /** From now on each scrape also reads the counts of these sources. Call it once; a second call throws. */
  watch(sources: MetricSources): void;
  /** The answer to a scrape, with the metrics of this process alone. */
  read(): Promise<Scrape>;
  /** The metrics of this process as objects, which `mergeReports` joins with those of other workers. */
  report(): Promise<Report>;
}

/** The answer to a scrape, in the text format of Prometheus. */
export interface Scrape {
  readonly contentType: string;
  readonly text: string;
}

/**
 * Gauges of prom-client that are removed, because only the name of a counter should end in `_total`. Each of them is
 * the sum of the gauge of the same name without `_total`, which stays.
 */
const misnamedDefaults = [
  "nodejs_active_handles_total",
  "nodejs_active_requests_total",
  "nodejs_active_resources_total",
];

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of misnamedDefaults) registry.removeSingleMetric(name);
  const calls = new Map<string, CallStats>();
  const rateLimited = new Map<string, number>();
  const upgrades = new Map<string, number>();
  const attempts = new Map<string, number>();
  const attemptStats = new CallStats();
  registry.registerMetric(watchCounter(metricTable.calls, () => byAnswer(calls)));
  registry.registerMetric(watchHistogram(metricTable.callSeconds, () => byMethod(calls)));
  registry.registerMetric(watchCounter(metricTable.rateLimited, () => byKey("bucket", rateLimited)));
  registry.registerMetric(watchCounter(metricTable.upgrades, () => byKey("outcome", upgrades)));
  registry.registerMetric(watchCounter(metricTable.webhookAttempts, () => byKey("cause", attempts)));
  const attemptRow = metricTable.webhookAttemptSeconds;
  registry.registerMetric(watchHistogram(attemptRow, () => [...attemptStats.histogram(attemptRow.name, {})]));

  return {
    call(method) {
      const stats = calls.get(method) ?? new CallStats();
      calls.set(method, stats);
      return stats;
    },
    rateLimited: (bucket) => increment(rateLimited, bucket),
    upgradeAnswered: (outcome) => increment(upgrades, outcome),
    webhookAttempted(cause, seconds) {
      increment(attempts, cause);
      attemptStats.took(seconds);
    },
    watch: (sources) => {
      for (const metric of createWatchers(sources)) registry.registerMetric(metric);
    },
    read: () => scrape(registry),
    report: async () =>
      (await registry.getMetricsAsJSON()).map((metric) => ({ ...metric, aggregator: metric.aggregator ?? "sum" })),
  };
}

async function scrape(registry: Registry): Promise<Scrape> {
  return { contentType: registry.contentType, text: await registry.metrics() };
}

/**
 * Joins the reports of several processes into one scrape. Counters and gauges are summed, unless a metric names another
 * rule, such as `min`.
 */
export function mergeReports(reports: readonly Report[]): Promise<Scrape> {
  return scrape(AggregatorRegistry.aggregate([...reports]));
}

/**
 * Sums the reports of processes that have ended, and leaves their gauges out. The counters must stay in later sums,
 * because a counter may not fall.
 */
export async function retireReports(reports: readonly Report[]): Promise<Report> {
  const metrics = await AggregatorRegistry.aggregate([...reports]).getMetricsAsJSON();
  return metrics.filter(({ type }) => String(type) !== "gauge");
}

function createWatchers(sources: MetricSources): Metric[] {
  const { hub, publishing, keyed, directory, bus, history, rateCounters, webhooks } = sources;
  const { stats } = bus;
  const total = (name: "waiting" | "waitingBytes" | "dead" | "disabled") => webhooks.stats.totals?.[name] ?? 0;
  const oldestAge = () => {
    const oldest = webhooks.stats.totals?.oldest;
    return oldest === undefined ? 0 : Math.max(0, (Date.now() - oldest) / 1000);
  };
  return [
    watchGauge(metricTable.sockets, () => hub.consumers),
    watchCounter(metricTable.published, () => publishing.published),
    watchCounter(metricTable.withoutClient, () => publishing.withoutClient),
    watchCounter(metricTable.keys, () => byKey("outcome", keyed.outcomes)),
    watchCounter(metricTable.filtered, () => hub.filtered),
    watchCounter(metricTable.framesBuilt, () => hub.framesBuilt),
    watchCounter(metricTable.framesDelivered, () => hub.framesDelivered),
    watchCounter(metricTable.countedAlone, () => rateCounters.rejected),
    watchGauge(metricTable.busConnected, () => Number(bus.trouble() === undefined), "min"),
    watchCounter(metricTable.busSent, () => stats.sent),
    watchCounter(metricTable.busUnwanted, () => stats.unwanted),
    watchCounter(metricTable.busUnreached, () => stats.unreached),
    watchCounter(metricTable.busReceived, () => stats.received),
    watchCounter(metricTable.busMissed, () => stats.missed),
    watchCounter(metricTable.busInterruptions, () => stats.interruptions),
    watchCounter(metricTable.busInterruptedSeconds, () => stats.interruptedMs / 1000),
    watchCounter(metricTable.busSlowConsumer, () => stats.slowConsumer),
    watchGauge(metricTable.historyAvailable, () => Number(history?.available ?? true), "min"),
    watchGauge(metricTable.historyEvents, () => history?.stats.events ?? 0),
    watchGauge(metricTable.historyBytes, () => history?.stats.bytes ?? 0),
    watchCounter(metricTable.historyDropped, () =>
      byKey("limit", new Map(Object.entries(history?.stats.dropped ?? {}))),
    ),
    watchCounter(metricTable.resumes, () => byKey("outcome", hub.resumes)),
    watchGauge(metricTable.directoryReady, () => Number(directory.ready), "min"),
    watchCounter(metricTable.socketCloses, () => byKey("code", hub.closes)),
    watchGauge(metricTable.webhookRequests, () => webhooks.stats.requests),
    watchCounter(metricTable.webhookStored, () => webhooks.stats.stored),
    watchCounter(metricTable.webhookNotStored, () => webhooks.stats.notStored),
    watchCounter(metricTable.webhookRefused, () => webhooks.stats.refused),
    watchCounter(metricTable.webhookDropped, () => webhooks.stats.dropped),
    watchGauge(metricTable.webhookWaiting, () => total("waiting"), "max"),
    watchGauge(metricTable.webhookWaitingBytes, () => total("waitingBytes"), "max"),
    watchGauge(metricTable.webhookOldestAge, oldestAge, "max"),
    watchGauge(metricTable.webhookDead, () => total("dead"), "max"),
    watchGauge(metricTable.webhookDisabled, () => total("disabled"), "max"),
  ];
}

/** Makes a gauge that calls `read` at each scrape. `aggregator` says how the values of several processes become one. */
function watchGauge(
  row: { name: string; help: string },
  read: () => number,
  aggregator: "sum" | "min" | "max" = "sum",
): Metric {
  return new Gauge({
    name: row.name,
    help: row.help,
    aggregator,
    registers: [],
    collect() {
      this.set(read());
    },
  });
}

type Series = readonly [labels: Record<string, string>, count: number];

/** Makes a counter that calls `read` at each scrape. `read` returns one count, or one count for each set of labels. */
function watchCounter(row: CounterRow, read: () => number | readonly Series[]): Metric {
  return new Counter({
    name: row.name,
    help: row.help,
    labelNames: row.labels,
    registers: [],
    collect() {
      this.reset();
      const counts = read();
      if (typeof counts === "number") this.inc(counts);
      else for (const [labels, count] of counts) this.inc(labels, count);
    },
  });
}

/**
 * Makes a histogram of counts that exist already, which prom-client's own class cannot take. The object has just the
 * members that prom-client's registry reads.
 */
function watchHistogram(row: { name: string; help: string }, read: () => readonly object[]): Metric {
  const { name, help } = row;
  const get = async () => ({ name, help, type: "histogram", values: read() });
  return { name, get } as unknown as Metric;
}

interface CounterRow {
  readonly name: string;
  readonly labels: readonly string[];
  readonly help: string;
}

const byKey = (label: string, counts: ReadonlyMap<string | number, number>): Series[] =>
  [...counts].map(([key, count]) => [{ [label]: String(key) }, count]);

const byMethod = (calls: ReadonlyMap<string, CallStats>): object[] =>
  [...calls].flatMap(([method, stats]) => [...stats.histogram(metricTable.callSeconds.name, { method })]);

const byAnswer = (calls: ReadonlyMap<string, CallStats>): Series[] =>
  [...calls].flatMap(([method, stats]) =>
    [...stats.answers()].map(([code, count]): Series => [{ method, code }, count]),
  );

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
