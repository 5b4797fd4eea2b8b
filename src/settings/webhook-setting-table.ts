/** The settings of webhooks. They are rows of `setting-table.ts`. */

import { addressRanges, integer, oneOf, secondsList } from "./setting-kinds.js";

const MiB = 1024 * 1024;

export const webhookSettingTable = {
  webhookAllowPrivate: {
    env: "WEBHOOK_ALLOW_PRIVATE",
    kind: addressRanges(),
    fallback: [] as readonly string[],
    shown: "none",
    meaning:
      "Address ranges, separated by commas, to which webhooks may send besides public addresses, such as 127.0.0.0/8 or 192.168.0.0/16. Every account can then send requests into these ranges. Open them only where you trust all accounts, for example when you run both sides at home.",
  },
  webhookRetrySeconds: {
    env: "WEBHOOK_RETRY_SECONDS",
    kind: secondsList(604_800),
    fallback: [5, 30, 120, 600, 1800, 7200, 18_000, 36_000, 36_000] as readonly number[],
    unit: "seconds",
    shown: "5,30,120,600,1800,7200,18000,36000,36000",
    meaning:
      "Delays between the attempts of a delivery, separated by commas. Each is longer or shorter by up to a fifth. After the last attempt the delivery is dead. In a webhook that keeps the order no delay is longer than ten minutes, and a delivery dies after the sum of the list.",
  },
  webhookQueueMax: {
    env: "WEBHOOK_QUEUE_MAX",
    kind: integer(1, 1_000_000_000),
    fallback: 1_000_000,
    unit: "deliveries",
    meaning:
      "Most deliveries that may wait for one webhook. WEBHOOK_QUEUE_FULL says what happens to a further one. Waiting and dead deliveries together have the same bound: above it, the oldest dead ones are deleted.",
  },
  webhookQueueMaxBytes: {
    env: "WEBHOOK_QUEUE_MAX_BYTES",
    kind: integer(MiB, 1024 * 1024 * 1024 * MiB),
    fallback: 10 * 1024 * MiB,
    unit: "bytes",
    meaning:
      "Most bytes of events that may wait for all webhooks of the database together. An event that waits for two webhooks counts twice. Choose a share of the disk of the database. The bytes are counted every five seconds.",
  },
  webhookQueueFull: {
    env: "WEBHOOK_QUEUE_FULL",
    kind: oneOf(["refuse", "drop_oldest"]),
    fallback: "refuse",
    meaning:
      "What happens to an event for a webhook whose queue is full. `refuse`: publishing the event is refused with 503 `Webhook queue full`. `drop_oldest`: the event is queued, and the oldest waiting deliveries of that webhook are dropped and counted. Above WEBHOOK_QUEUE_MAX_BYTES, the oldest of the webhook for which the most bytes wait are dropped.",
  },
  webhookOutage: {
    env: "WEBHOOK_OUTAGE",
    kind: oneOf(["refuse", "accept"]),
    fallback: "refuse",
    meaning:
      "What happens to an event for webhooks while the database is away. `refuse`: publishing the event is refused with 500 `Failed to store event`. `accept`: the event goes to sockets alone, and the answer says `webhooksStored: false`.",
  },
  webhookRetentionDays: {
    env: "WEBHOOK_RETENTION_DAYS",
    kind: integer(1, 365),
    fallback: 7,
    unit: "days",
    meaning: "How long a dead delivery is kept with its event. Until then it can be replayed.",
  },
  webhookDisableAfterHours: {
    env: "WEBHOOK_DISABLE_AFTER_HOURS",
    kind: integer(1, 8760),
    fallback: 120,
    unit: "hours",
    meaning: "A webhook whose every attempt has failed for this long is disabled. Its owner can read the reason.",
  },
} as const;
