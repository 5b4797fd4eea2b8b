/** The documents that are generated from tables. `npm run docs` writes them anew. */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { closeCatalogue } from "../gen/closes.js";
import { answers, catalogue } from "../gen/errors.js";
import { type MetricRow, metricTable } from "../src/observability/metric-table.js";
import { clientSettingTable } from "../src/settings/client-setting-table.js";
import { settingTable } from "../src/settings/setting-table.js";
import type { SettingRow } from "../src/settings/settings.js";
import { asyncApi } from "./support/asyncapi.js";

const generated = (source: string): string => `Generated from \`${source}\` by \`npm run docs\`; do not edit.`;

describe("the document is what the table says", () => {
  it("docs/SETTINGS.md", async () => {
    await expect(settings()).toMatchFileSnapshot("../docs/SETTINGS.md");
  });

  it("docs/METRICS.md", async () => {
    await expect(metrics()).toMatchFileSnapshot("../docs/METRICS.md");
  });

  it("docs/ERRORS.md", async () => {
    await expect(errors()).toMatchFileSnapshot("../docs/ERRORS.md");
  });

  it("docs/CONSUMING.md, in its table of closes", async () => {
    await expect(withCloses(readFileSync("docs/CONSUMING.md", "utf8"))).toMatchFileSnapshot("../docs/CONSUMING.md");
  });

  it("docs/asyncapi.json", async () => {
    await expect(`${JSON.stringify(asyncApi(), null, 2)}\n`).toMatchFileSnapshot("../docs/asyncapi.json");
  });
});

function settings(): string {
  const head = ["setting", "default", "unit", "allowed", "meaning"];
  const service = page(
    "Settings",
    [
      generated("src/settings/setting-table.ts"),
      "",
      "Every setting is an environment variable. An empty variable counts as unset. A variable with a wrong value stops the",
      "start with a sentence that names the variable.",
    ],
    head,
    settingRows(settingTable),
  );
  const clients = [
    "## Of the commands that speak to a running service",
    "",
    "`eventwire tail` and `eventwire publish` read these settings and no others. The service does not read them.",
    "",
    ...table(head, settingRows(clientSettingTable)),
    "",
  ];
  return [service, ...clients].join("\n");
}

function settingRows(rows: Readonly<Record<string, SettingRow>>): string[][] {
  return Object.values(rows).map(({ env, kind, fallback, shown, unit = "", secret, meaning }) => [
    `\`${env}\``,
    shown ?? (unit === "bytes" ? `\`${fallback}\` (${mebibytes(fallback)})` : `\`${fallback}\``),
    unit,
    kind.allowed,
    `${meaning}${secret ? " Secret: never shown." : ""}`,
  ]);
}

function metrics(): string {
  return page(
    "Metrics",
    [
      generated("src/observability/metric-table.ts"),
      "",
      "`GET /metrics` on the service port, in the text format of Prometheus. The default metrics of a Node.js process",
      "(`process_…`, `nodejs_…`: CPU, memory, garbage collection, event loop lag) stand beside the metrics below.",
      "",
      "With `WORKERS` one scrape shows all workers, whichever worker answers. Most metrics are summed. The event loop lag is the",
      "mean of the workers. `…_ready` and `…_connected` are 0 when they are 0 on any worker. The metrics of the primary process",
      "are not in the scrape.",
    ],
    ["metric", "type", "labels", "meaning"],
    Object.values<MetricRow>(metricTable).map(({ name, type, labels, help }) => [
      `\`${name}\``,
      type,
      labels.map((label) => `\`${label}\``).join(", "),
      help,
    ]),
  );
}

function errors(): string {
  return page(
    "Errors",
    [
      generated("proto/eventwire/v1/error.proto"),
      "",
      'Over REST every error is `{"success":false,"error":{"message":"…"}}` with the status below. Over Connect, gRPC-Web and',
      "gRPC an error has the code below, the same text, and the reason as `google.rpc.ErrorInfo`. [api.md](../gen/api.md) says",
      "which errors each call can answer.",
      "",
      "An error also says what exactly was wrong, in the header (RPC: metadata)",
      '`Eventwire-Error: <REASON>; field="<path>"; rule="<sentence>"`. Field and rule are left out when they are not known. RPC',
      "errors have them in `google.rpc.BadRequest`, too. With `Accept: application/problem+json` the answer is a problem document",
      "(RFC 9457) in place of the envelope. Answers with 429 and 503 have `Retry-After` in seconds, and `google.rpc.RetryInfo`.",
    ],
    ["reason", "status", "code", "message", "meaning", "answered by"],
    Object.entries(catalogue).map(([reason, { status, code, message, meaning }]) => [
      `\`${reason}\``,
      String(status),
      `\`${code}\``,
      message,
      meaning,
      answerers(reason),
    ]),
  );
}

/** Routes, without the names of their services. */
function answerers(reason: string): string {
  const routes = Object.entries<readonly string[]>(answers);
  const named = (found: typeof routes): string =>
    found.map(([route]) => `\`${route.replace(/^eventwire.*\//, "")}\``).join(", ");
  const found = routes.filter(([, reasons]) => reasons.includes(reason));
  const others = routes.filter((route) => !found.includes(route));
  if (found.length === 0) return "no route";
  if (others.length === 0) return "every route";
  return others.length === 1 ? `every route but ${named(others)}` : named(found);
}

/** The rest of the page is written by hand. */
function withCloses(page: string): string {
  const [start, end] = ["by `npm run docs`; do not edit. -->\n", "\n<!-- The end of the generated table. -->"];
  const rows = Object.values(closeCatalogue).map(({ code, reason, reconnect, status, refusals, meaning }) => [
    `\`${code}\``,
    reason,
    reconnect ? "yes" : "no",
    status === "" ? "never" : `\`${status}\``,
    refusals.map((refusal) => `\`${refusal}\``).join(", "),
    meaning,
  ]);
  const head = ["code", "reason", "come back", "Subscribe ends with", "refusals that end with the code", "meaning"];
  const before = page.slice(0, page.indexOf(start) + start.length);
  return `${before}\n${table(head, rows).join("\n")}\n${page.slice(page.indexOf(end))}`;
}

function page(title: string, intro: readonly string[], head: readonly string[], rows: readonly string[][]): string {
  return [`# ${title}`, "", ...intro, "", ...table(head, rows), ""].join("\n");
}

function table(head: readonly string[], rows: readonly string[][]): string[] {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)];
}

function mebibytes(bytes: unknown): string {
  return `${Number(bytes) / 1024 / 1024} MiB`;
}
