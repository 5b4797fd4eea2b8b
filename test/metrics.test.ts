/** The metrics page: every metric of the table is on it, and what it says is read when it is asked for. */

import { describe, expect, it } from "vitest";
import { createMemoryBus } from "../src/bus/memory-bus.js";
import { metricTable } from "../src/observability/metric-table.js";
import { createMetrics } from "../src/observability/metrics.js";

function sources() {
  return {
    hub: {
      consumers: 0,
      filtered: 0,
      framesBuilt: 0,
      framesDelivered: 0,
      resumes: new Map<string, number>(),
      closes: new Map<number, number>(),
    },
    history: { available: true, stats: { events: 0, bytes: 0, dropped: { seconds: 0, events: 0, bytes: 0 } } },
    keyed: { outcomes: new Map<string, number>() },
    publishing: { published: 0, withoutClient: 0 },
    directory: { ready: false },
    rateCounters: { rejected: 0 },
    bus: createMemoryBus(),
    webhooks: {
      stats: {
        totals: { waiting: 3, waitingBytes: 900, dead: 2, disabled: 1, oldest: 0 },
        ...{ stored: 5, notStored: 0, dropped: 0, refused: 0, requests: 1 },
      },
    },
  };
}

describe("metrics", () => {
  it("has every metric of the table, with its help and type", async () => {
    const metrics = createMetrics();
    metrics.watch(sources());
    const { text, contentType } = await metrics.read();
    expect(contentType).toMatch(/^text\/plain; version=0\.0\.4/);
    for (const { name, type, help } of Object.values(metricTable)) {
      expect(text).toContain(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`);
    }
  });

  it("has nothing of ours that the table does not have", async () => {
    const metrics = createMetrics();
    metrics.watch(sources());
    const names = [...(await metrics.read()).text.matchAll(/^# TYPE (eventwire_\w+)/gm)].map(([, name]) => name);
    expect(names.sort()).toEqual(
      Object.values(metricTable)
        .map(({ name }) => name)
        .sort(),
    );
  });

  it("has the process: memory, CPU and the lag of the event loop", async () => {
    const { text } = await createMetrics().read();
    for (const name of [
      "process_resident_memory_bytes",
      "process_cpu_seconds_total",
      "nodejs_eventloop_lag_p99_seconds",
    ])
      expect(text).toContain(`\n${name} `);
  });

  it("counts calls, refusals and upgrades", async () => {
    const metrics = createMetrics();
    const calls = metrics.call("EventService/PublishEvent");
    calls.answered("ok");
    calls.answered("ok");
    calls.answered("not_found");
    calls.took(0.003);
    metrics.rateLimited("global");
    metrics.upgradeAnswered("accepted");
    const { text } = await metrics.read();
    expect(text).toContain(`eventwire_calls_total{method="EventService/PublishEvent",code="ok"} 2\n`);
    expect(text).toContain(`eventwire_calls_total{method="EventService/PublishEvent",code="not_found"} 1\n`);
    expect(text).toContain(`eventwire_call_duration_seconds_count{method="EventService/PublishEvent"} 1\n`);
    expect(text).toContain(`eventwire_rate_limited_total{bucket="global"} 1\n`);
    expect(text).toContain(`eventwire_upgrades_total{outcome="accepted"} 1\n`);
  });

  it("sorts the durations of calls into buckets that each hold the ones before", async () => {
    const metrics = createMetrics();
    const calls = metrics.call("EventService/PublishEvent");
    for (const seconds of [0.0005, 0.0006, 7, 60]) calls.took(seconds);
    const { text } = await metrics.read();
    const counts = ["0.0005", "0.001", "5", "10", "+Inf"].map((le) =>
      Number(text.split(`_bucket{le="${le}",method="EventService/PublishEvent"} `)[1]?.split("\n")[0]),
    );
    expect(counts).toEqual([1, 2, 2, 3, 4]);
    expect(text).toContain('_duration_seconds_sum{method="EventService/PublishEvent"} 67.0011\n');
  });

  it("reads the hub and the directory when it is scraped", async () => {
    const metrics = createMetrics();
    const read = sources();
    metrics.watch(read);
    await metrics.read();
    read.hub.consumers = 3;
    read.hub.framesDelivered = 12;
    read.hub.closes.set(4008, 2);
    read.hub.resumes.set("expired", 5);
    read.history.stats.bytes = 2_048;
    read.history.stats.dropped.events = 6;
    read.publishing.published = 7;
    read.keyed.outcomes.set("repeated", 5);
    read.directory.ready = true;
    read.rateCounters.rejected = 4;
    for (const _ of ["first scrape", "second scrape"]) {
      const { text } = await metrics.read();
      expect(text).toContain("eventwire_sockets 3\n");
      expect(text).toContain("eventwire_frames_delivered_total 12\n");
      expect(text).toContain(`eventwire_socket_closes_total{code="4008"} 2\n`);
      expect(text).toContain(`eventwire_resumes_total{outcome="expired"} 5\n`);
      expect(text).toContain("eventwire_history_bytes 2048\n");
      expect(text).toContain(`eventwire_history_dropped_total{limit="events"} 6\n`);
      expect(text).toContain("eventwire_events_published_total 7\n");
      expect(text).toContain('eventwire_idempotency_keys_total{outcome="repeated"} 5\n');
      expect(text).toContain("eventwire_directory_ready 1\n");
      expect(text).toContain("eventwire_rate_counted_alone_total 4\n");
    }
  });
});
