/** Opens the delivery to webhooks on this node. */

import { readFileSync } from "node:fs";
import type { Logger } from "pino";
import { createPlainFormat } from "./delivery/frames/plain.js";
import type { Directory } from "./directory/directory.js";
import type { Metrics } from "./observability/metrics.js";
import type { Settings } from "./settings/settings.js";
import type { OpenStore } from "./store/open-store.js";
import { createWebhookDelivery, type WebhookDelivery } from "./webhooks/webhook-delivery.js";

export function openWebhooks(
  settings: Settings,
  logger: Logger,
  directory: Directory,
  { webhookQueue, watchWebhooks, ready }: OpenStore,
  metrics: Metrics,
): WebhookDelivery {
  const { publicUrl: baseUrl, mediaMaxBytes } = settings;
  const frameTokens = settings.frameTokens === "on";
  const webhooks = createWebhookDelivery({
    ...{ queue: webhookQueue, begun: ready, directory, mediaMaxBytes, settings, logger },
    format: createPlainFormat({ baseUrl, mediaMaxBytes, frameTokens }),
    version: readVersion(),
    onAttempt: ({ cause, ms }) => metrics.webhookAttempted(cause, ms / 1000),
  });
  watchWebhooks((news) => webhooks.hear(news));
  return webhooks;
}

/** The version of this program. The path is that of the built program and of the sources alike. */
function readVersion(): string {
  for (const path of ["../package.json", "../../package.json"]) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8"));
      if (name === "eventwire") return version;
    } catch {
      // The file is not there. The other path leads to it.
    }
  }
  return "unknown";
}
