/** What the operator's guide and its files name is there. */

import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { settingTable } from "../../src/settings/setting-table.js";

const guide = readFileSync("docs/OPERATIONS.md", "utf8");
const alerts = readFileSync("deploy/alerts.yaml", "utf8");

it("every metric of an alert is exposed", () => {
  const exposed = readFileSync("docs/METRICS.md", "utf8");
  const named = new Set(alerts.match(/\beventwire_\w+/g));
  expect(named.size).toBeGreaterThan(5);
  for (const metric of named) expect(exposed).toContain(`| \`${metric}\` |`);
});

it("every alert is explained, and no other", () => {
  const explained = [...guide.matchAll(/^\| `(Eventwire\w+)`/gm)].map(([, name]) => name);
  expect(explained).toEqual([...alerts.matchAll(/- alert: (\w+)/g)].map(([, name]) => name));
});

it("every alert has a severity and says what happened and what to do", () => {
  for (const rule of alerts.split("- alert: ").slice(1)) {
    expect(rule).toMatch(/severity: (critical|warning|info)\n/);
    expect(rule).toMatch(/ summary: .+\n/);
    expect(rule).toMatch(/ description: .+\n/);
  }
});

it("the pooler of the example has room for what its two nodes and a command open", () => {
  const most = (file: string) =>
    Number(/^const connectionsMax = (\d+);/m.exec(readFileSync(`src/store/postgres/${file}.ts`, "utf8"))?.[1]);
  const pools = ["pool", "rate-counters", "idempotency-keys", "tickets"].map(most);
  // One each to listen, to notify and to read.
  const node = pools.reduce((sum, connections) => sum + connections, 3);
  expect(guide).toContain(
    `A node opens up to ${node} connections: ${pools[0]} for calls and webhooks, ${pools[1]} for`,
  );
  expect(guide).toContain(`default_pool_size = ${2 * node + (pools[0] as number)}\n`);
});

it("every image is named by its digest", () => {
  const images = ["deploy/Dockerfile", "deploy/compose.yaml"].flatMap((file) =>
    [...readFileSync(file, "utf8").matchAll(/^(?:FROM|\s+image:) (\S+)/gm)].map(([, image]) => image),
  );
  // The last one is built here.
  expect(images.filter((image) => !/@sha256:[0-9a-f]{64}$/.test(image ?? ""))).toEqual(["eventwire"]);
});

it("every setting that the example asks for exists", () => {
  const settings = new Set<string>(Object.values(settingTable).map(({ env }) => env));
  const asked = [...readFileSync("deploy/env.example", "utf8").matchAll(/^([A-Z_]+)=/gm)].map(([, name]) => name ?? "");
  expect(asked.filter((name) => !settings.has(name))).toEqual(["POSTGRES_PASSWORD"]);
});
