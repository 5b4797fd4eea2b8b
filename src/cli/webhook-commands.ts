/**
 * The commands `eventwire webhook …`. With them an operator sees and sets the webhooks of an instance, and mends their
 * deliveries.
 */

import type { Argument, Command, Option } from "commander";
import { AppError } from "../domain/errors.js";
import type { Webhook } from "../domain/webhook.js";
import type { Store } from "../store/store.js";
import type { Delivery, DeliveryAttempt } from "../store/webhook-operations.js";
import { type CommandLine, group, jsonOption, runCommand } from "./command.js";
import { accountOption, findInstance } from "./instance-option.js";
import {
  type ListOptions,
  labelOption,
  limitOption,
  listOptions,
  numberArgument,
  type SetOptions,
  setOptions,
  sinceOption,
  toAsked,
} from "./webhook-options.js";
import { showDeliveries, showDelivery, showQueues, showSecret, showWebhooks } from "./webhook-tables.js";

/** How long requests are signed with the old secret too, after a new secret was made. */
const graceMs = 86_400_000;

/** The options that every command on one webhook has. */
interface Common {
  account?: string;
  label: string;
  json?: boolean;
}

/** A command on one webhook, with its own options `O`, and with what it finds or does, `T`. */
interface WebhookCommand<O, T> {
  readonly name: string;
  readonly description: string;
  readonly options?: readonly Option[];
  /** The argument after the name of the instance. */
  readonly argument?: Argument;
  /** Resolves to undefined when there is no such webhook. */
  readonly work: (store: Store, instanceId: string, options: Common & O, argument: number) => Promise<T | undefined>;
  readonly show: (result: T) => readonly string[];
}

export function addWebhookCommands(program: Command, line: CommandLine): void {
  const webhook = group(program, "webhook", "see and set the webhooks of an instance, and mend their deliveries");

  function add<O, T>({ name, description, options = [], argument, work, show }: WebhookCommand<O, T>): void {
    const command = webhook.command(name).description(description).argument("<instance>", "its name");
    if (argument !== undefined) command.addArgument(argument);
    for (const option of [...options, labelOption(), accountOption(), jsonOption()]) command.addOption(option);
    command.action((instance: string, ...rest: unknown[]) => {
      const given = (argument === undefined ? 0 : rest.shift()) as number;
      const chosen = rest[0] as Common & O;
      return runCommand(
        line,
        chosen.json,
        async (store) => {
          const { id } = await findInstance(store, chosen.account, instance);
          const result = await work(store, id, chosen, given).catch(explain);
          if (result === undefined) throw new Error(`There is no webhook ${chosen.label} of the instance ${instance}.`);
          return result;
        },
        show,
      );
    });
  }

  webhook
    .command("list")
    .description("list the webhooks of an instance; headers and secrets only with --json")
    .argument("<instance>", "its name")
    .addOption(accountOption())
    .addOption(jsonOption())
    .action((instance: string, { account, json }: Omit<Common, "label">) =>
      runCommand(
        line,
        json,
        async (store) => store.listWebhooks((await findInstance(store, account, instance)).id),
        showWebhooks,
      ),
    );

  add<SetOptions, Webhook>({
    name: "set",
    description: "set a webhook; what is not given takes its default, as over REST",
    options: setOptions(),
    work: (store, id, options) => store.setWebhook(id, toAsked(options)),
    show: (set) => [...showWebhooks([set]), ...showSecret(set)],
  });

  add({
    name: "test",
    description: "queue a test event, and end a pause of the webhook",
    work: async (store, id, { label }) => {
      const eventId = await store.sendTest(id, label);
      return eventId === undefined ? undefined : { eventId };
    },
    show: ({ eventId }) => [`queued  test event ${eventId}`],
  });

  webhook
    .command("queues")
    .description("list the webhooks of all accounts for which most deliveries wait, each with its last attempt")
    .addOption(limitOption("most webhooks, 1 to 1000", 20))
    .addOption(jsonOption())
    .action(({ limit, json }: { limit: number; json?: boolean }) =>
      runCommand(line, json, (store) => store.longestQueues(limit), showQueues),
    );

  add<ListOptions, Delivery[]>({
    name: "deliveries",
    description: "list deliveries of a webhook, the newest first, each with its last attempt",
    options: listOptions(),
    work: (store, id, { label, state, since, limit }) => store.listDeliveries(id, label, { state, since, limit }),
    show: showDeliveries,
  });

  add<object, { delivery: Delivery; attempts: DeliveryAttempt[] }>({
    name: "delivery",
    description: "show a delivery with all its attempts, and the beginning of each answer",
    argument: numberArgument(),
    work: async (store, id, { label }, number) => {
      const found = await store.getDelivery(id, label, number);
      if (found === null) throw new Error(`There is no delivery ${number}.`);
      return found;
    },
    show: ({ delivery, attempts }) => showDelivery(delivery, attempts),
  });

  add({
    name: "retry",
    description: "try a waiting delivery at once, or replay a dead one",
    argument: numberArgument(),
    work: async (store, id, { label }, number) => {
      const found = await store.getDelivery(id, label, number);
      if (found === undefined) return undefined;
      if (found === null || found.delivery.state === "delivered")
        throw new Error(`There is no delivery ${number} that waits or is dead.`);
      if (found.delivery.state === "waiting") await store.hasten(id, label);
      else await store.replay(id, label, { number });
      return { retried: number };
    },
    show: ({ retried }) => [`retried  ${retried}`],
  });

  add({
    name: "skip",
    description: "skip the delivery that is first in the queue; it is dead then, and can be replayed",
    work: async (store, id, { label }) => {
      const skipped = await store.skipHead(id, label);
      if (skipped === null) throw new Error("No delivery waits.");
      return skipped === undefined ? undefined : { skipped };
    },
    show: ({ skipped }) => [`skipped  ${skipped}`],
  });

  add<{ since?: Date }, { replayed: number }>({
    name: "replay",
    description: "put dead deliveries at the end of the queue, the oldest first",
    options: [sinceOption("only deliveries that died since then, such as 2026-11-29T13:00:00Z")],
    work: async (store, id, { label, since = new Date(0) }) => {
      const replayed = await store.replay(id, label, { since });
      return replayed === undefined ? undefined : { replayed };
    },
    show: ({ replayed }) => [`replayed  ${replayed}`],
  });

  add<object, Webhook>({
    name: "rotate-secret",
    description: "give a webhook a new secret and print it; for a day requests are signed with the old secret too",
    work: (store, id, { label }) => store.rotateSecret(id, label, graceMs),
    show: showSecret,
  });
}

/** Throws an error that says what helps. The message of an AppError alone is written for a program. */
function explain(error: unknown): never {
  throw error instanceof AppError ? new Error(error.meaning, { cause: error }) : error;
}
