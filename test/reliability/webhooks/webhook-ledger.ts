/** The part of the ledger that is about webhooks: sets them, breaks their receivers, and accounts for every delivery. */

import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import type { Random } from "../../support/random.js";
import type { Books, Fault } from "../books.js";
import type { Channel } from "../channels.js";
import type { Cluster, Node } from "../cluster.js";
import { nodeStopped, postgresKilled } from "../faults.js";
import { playScenes } from "../scenes.js";
import { readArrivals } from "./arrivals.js";
import type { Span } from "./duplicates.js";
import { receiverScenes } from "./receiver-faults.js";
import { startReceivers } from "./receivers.js";
import { settleWebhooks } from "./settle-webhooks.js";
import { renderWebhooks } from "./webhook-table.js";
import { configure, deliveriesOf, type LedgerWebhook, planWebhooks } from "./webhooks.js";

/**
 * Settings of the nodes. The schedule outlasts every series of faults, so that no delivery dies, and its delays are short, so
 * that a receiver that is back soon gets what waits.
 */
export const webhookSettings = {
  WEBHOOK_ALLOW_PRIVATE: "127.0.0.0/8",
  WEBHOOK_RETRY_SECONDS: [1, 1, 1, 1, 2, 2, 2, 2, ...Array.from({ length: 22 }, () => 6)].join(","),
};

/** So much earlier than the other faults the faults of receivers end, so that the run ends in time. */
const lastChangesSeconds = 5;

export interface WebhookLedger {
  /** Sets the webhooks. */
  set(channels: readonly Channel[]): Promise<void>;
  /** Breaks things until the time is over. Resolves when everything is mended. */
  disturb(): Promise<void>;
  /** Waits until nothing waits for a webhook any more. Prints the table, and returns all that must not be. */
  settle(books: Books): Promise<string[]>;
}

export async function startWebhookLedger({
  cluster,
  random,
  seconds,
  step,
}: {
  cluster: Cluster;
  random: Random;
  seconds: number;
  step: (what: string) => void;
}): Promise<WebhookLedger> {
  const receivers = await startReceivers(3);
  let webhooks: readonly LedgerWebhook[] = [];
  let faults: readonly Fault[] = [];
  let calls = 0;
  const choose = () => cluster.nodes[calls++ % cluster.nodes.length] as Node;

  return {
    async set(channels) {
      webhooks = planWebhooks(channels, receivers.all);
      await Promise.all(webhooks.map((webhook) => configure(cluster, webhook, webhook.current, choose)));
    },

    async disturb() {
      const options = { cluster, receivers, webhooks, random, choose };
      faults = await playScenes({ random, seconds: seconds - lastChangesSeconds, step }, () => receiverScenes(options));
      for (const webhook of webhooks.filter(({ current }) => !current.enabled))
        await configure(cluster, webhook, { ...webhook.current, enabled: true }, choose);
    },

    async settle(books) {
      step("the deliveries that wait for webhooks");
      for (const webhook of webhooks) {
        while ((await deliveriesOf(cluster, webhook, "waiting", 1)).length > 0) await delay(100);
      }
      const dead = await Promise.all(webhooks.map((webhook) => deliveriesOf(cluster, webhook, "dead")));
      const arrivals = await readArrivals(receivers.log());
      const all = [...books.faults, ...faults].sort((a, b) => a.at - b.at);
      const settlement = settleWebhooks(
        { published: books.published, faults: all },
        {
          webhooks,
          arrivals,
          disabled: dead.map((deliveries) => new Set(deliveries.filter(diedDisabled).map(({ eventId }) => eventId))),
          breakages: {
            troubles: receivers.troubles,
            deaths: books.deaths,
            databaseAway: spansOf(books.faults, postgresKilled),
            nodeStopped: spansOf(books.faults, nodeStopped),
            leasesLost: cluster.processes.flatMap(({ stderr }) => leasesLost(stderr)),
          },
        },
      );
      console.info(renderWebhooks(settlement, all));
      expect(settlement.total.arrived).toBeGreaterThan(0);
      const otherwiseDead = webhooks.flatMap(({ index, changes }) =>
        (dead[index] ?? [])
          .filter((one) => !changes || !diedDisabled(one))
          .map((one) => `died: ${JSON.stringify(one)}`),
      );
      return [...settlement.lost, ...settlement.disordered, ...settlement.wrong, ...otherwiseDead];
    },
  };
}

function diedDisabled({ last }: { readonly last?: { readonly error?: string } }): boolean {
  return last?.error === "The webhook was disabled.";
}

/** The moments at which the log of a node says that the leases were lost. */
function leasesLost(log: string): Span[] {
  return [...log.matchAll(/"time":"([^"]+)"[^\n]*"msg":"leases of webhooks lost/g)].map(([, text = ""]) => {
    const time = Date.parse(text);
    return { from: time, until: time };
  });
}

function spansOf(faults: readonly Fault[], wanted: string): Span[] {
  return faults
    .filter(({ kind }) => kind === wanted)
    .map(({ at, mendedAt = Number.POSITIVE_INFINITY }) => ({ from: at, until: mendedAt }));
}
