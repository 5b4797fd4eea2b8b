/** What the process tells Prometheus: counted where it happens, or read from plain numbers when it is scraped. */

import {
  AggregatorRegistry,
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  type Metric,
  Registry,
} from "prom-client";
import { metricTable } from "./metric-table.js";
import type { Report } from "./workers/messages.js";

/** Read at scrape time, so that the hot path counts in plain numbers. */
export interface MetricSources {
  readonly hub: {
    readonly sockets: number;
    readonly filtered: number;
    readonly framesBuilt: number;
    readonly framesDelivered: number;
    readonly closes: ReadonlyMap<number, number>;
  };
  readonly publishing: { readonly published: number; readonly withoutClient: number };
  readonly directory: { readonly ready: boolean };
  readonly rateCounters: { readonly rejected: number };
  readonly bus: {
    readonly stats: {
      readonly sent: number;
      readonly unwanted: number;
      readonly unreached: number;
      readonly received: number;
      readonly missed: number;
      readonly interruptions: number;
      readonly interruptedMs: number;
      readonly slowConsumer: number;
    };
    trouble(): string | undefined;
  };
}

/** Of one method. To be kept: finding a label by its text costs more than counting. */
export interface CallMetrics {
  answered(code: string): void;
  took(seconds: number): void;
}

export interface Metrics {
  call(method: string): CallMetrics;
  rateLimited(bucket: string): void;
  upgradeAnswered(outcome: string): void;
  /** From now on a scrape reads these. */
  watch(sources: MetricSources): void;
  read(): Promise<Scrape>;
  /** What `mergeReports` puts together with that of other processes. */
  report(): Promise<Report>;
}

/** In the text format of Prometheus. */
export interface Scrape {
  readonly contentType: string;
  readonly text: string;
}

/** From an answer out of memory to a database that hangs. */
const secondsBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const { calls, callSeconds, rateLimited, upgrades } = metricTable;
  const callCounter = new Counter({ ...options(calls), registers });
  const callHistogram = new Histogram({ ...options(callSeconds), buckets: secondsBuckets, registers });
  const rateLimitedCounter = new Counter({ ...options(rateLimited), registers });
  const upgradeCounter = new Counter({ ...options(upgrades), registers });

  return {
    call(method) {
      const ok = callCounter.labels({ method, code: "ok" });
      const took = callHistogram.labels({ method });
      return {
        answered: (code) => (code === "ok" ? ok.inc() : callCounter.inc({ method, code })),
        took: (seconds) => took.observe(seconds),
      };
    },
    rateLimited: (bucket) => rateLimitedCounter.inc({ bucket }),
    upgradeAnswered: (outcome) => upgradeCounter.inc({ outcome }),
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

/** One scrape of several processes: counters and gauges are summed, where their own rule does not say otherwise. */
export function mergeReports(reports: readonly Report[]): Promise<Scrape> {
  return scrape(AggregatorRegistry.aggregate([...reports]));
}

/** Of several processes that have ended, what must not fall because they have. */
export async function retireReports(reports: readonly Report[]): Promise<Report> {
  const metrics = await AggregatorRegistry.aggregate([...reports]).getMetricsAsJSON();
  return metrics.filter(({ type }) => String(type) !== "gauge");
}

function createWatchers({ hub, publishing, directory, bus, rateCounters }: MetricSources): Metric[] {
  const { socketCloses } = metricTable;
  const { stats } = bus;
  return [
    watchGauge(metricTable.sockets, () => hub.sockets),
    watchCounter(metricTable.published, () => publishing.published),
    watchCounter(metricTable.withoutClient, () => publishing.withoutClient),
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
    watchGauge(metricTable.directoryReady, () => Number(directory.ready), "min"),
    new Counter({
      ...options(socketCloses),
      registers: [],
      collect() {
        this.reset();
        for (const [code, count] of hub.closes) this.inc({ code: String(code) }, count);
      },
    }),
  ];
}

/** `aggregator`: what several processes are in one scrape. */
function watchGauge(
  row: { name: string; help: string },
  read: () => number,
  aggregator: "sum" | "min" = "sum",
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

function watchCounter(row: { name: string; help: string }, read: () => number): Metric {
  return new Counter({
    name: row.name,
    help: row.help,
    registers: [],
    collect() {
      this.reset();
      this.inc(read());
    },
  });
}

function options<const Labels extends readonly string[]>(row: { name: string; labels: Labels; help: string }) {
  return { name: row.name, help: row.help, labelNames: row.labels };
}
