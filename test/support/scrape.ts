/** Reads single values out of a Prometheus scrape. */

/**
 * The value of a metric, by name with labels as a scrape writes it: `eventwire_calls_total{method="…",code="ok"}`. 0
 * when the metric is not there.
 */
export async function scrape(grpcUrl: string, ...names: string[]): Promise<number[]> {
  const text = await (await fetch(`${grpcUrl}/metrics`)).text();
  const lines = text.split("\n");
  return names.map((name) => Number(lines.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1) ?? 0));
}
