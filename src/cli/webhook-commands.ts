/**
 * The commands `eventwire webhook …`. With them an operator sees and sets the webhooks of an instance, and mends their
 * deliveries.
 */

import { type Command, InvalidArgumentError, Option } from "commander";
import { isEventType } from "../domain/event-type.js";
import {
  type AskedWebhook,
  defaultLabel,
  defaultTimeoutSeconds,
  disabledWebhook,
  isWebhookUrl,
  type Webhook,
} from "../domain/webhook.js";
import type { Store } from "../store/store.js";
import type { Delivery } from "../store/webhook-operations.js";
import { type CommandLine, group, jsonOption, runCommand, table } from "./command.js";
import { accountOption, findInstance } from "./instance-option.js";

interface Options {
  account?: string;
  label: string;
  json?: boolean;
}

interface SetOptions extends Options {
  url?: string;
  events?: string;
  authorization?: string;
  byEvents?: boolean;
  media?: boolean;
  unordered?: boolean;
  sign?: boolean;
  disable?: boolean;
}

export function addWebhookCommands(program: Command, line: CommandLine): void {
  const webhook = group(program, "webhook", "see and set the webhooks of an instance, and mend their deliveries");

  /** Adds a command on one webhook. `work` resolves to undefined when there is no such webhook. */
  function add<O extends Options, T>(
    name: string,
    description: string,
    options: readonly Option[],
    work: (store: Store, instanceId: string, options: O, argument: string) => Promise<T | undefined>,
    show: (result: T, options: O) => readonly string[],
    argument?: string,
  ): void {
    const command = webhook.command(name).description(description).argument("<instance>");
    if (argument !== undefined) command.argument(argument);
    for (const option of [accountOption(), labelOption(), jsonOption(), ...options]) command.addOption(option);
    command.action(async (instance: string, ...rest: unknown[]) => {
      const given = rest.length > 2 ? String(rest[0]) : "";
      const chosen = rest.at(-2) as O;
      await runCommand(
        line,
        chosen.json,
        async (store) => {
          const { id } = await findInstance(store, chosen.account, instance);
          const result = await work(store, id, chosen, given);
          if (result === undefined) throw new Error(`There is no webhook ${chosen.label} of the instance ${instance}.`);
          return result;
        },
        (result) => show(result, chosen),
      );
    });
  }

  add("list", "list the webhooks of an instance", [], (store, id) => store.listWebhooks(id), showWebhooks);

  add<SetOptions, Webhook>(
    "set",
    "set a webhook; what is not given takes its default, as over REST",
    [
      new Option("--url <url>", "where events are posted").argParser(parseUrl),
      new Option("--events <types>", "event types, separated by commas; all without it"),
      new Option(
        "--authorization <value>",
        "value of the header Authorization; others on this machine can see arguments",
      ),
      new Option("--by-events", "add the event type to the path"),
      new Option("--media", "send media inline as base64"),
      new Option("--unordered", "let deliveries overtake each other"),
      new Option("--sign", "sign requests; generates a secret when there is none"),
      new Option("--disable", "disable the webhook and clear it"),
    ],
    (store, id, options) => store.setWebhook(id, toAsked(options)),
    (set) => showWebhooks([set]),
  );

  add(
    "test",
    "queue a test event, and end a pause of the webhook",
    [],
    (store, id, { label }) => store.sendTest(id, label),
    (eventId) => [`queued  test event ${eventId}`],
  );

  add<Options & { state?: "waiting" | "delivered" | "dead"; limit: number }, Delivery[]>(
    "deliveries",
    "list deliveries of a webhook, the newest first",
    [
      new Option("--state <state>", "only deliveries in this state").choices(["waiting", "delivered", "dead"]),
      new Option("--limit <number>", "most deliveries, 1 to 1000").default(100).argParser(parseLimit),
    ],
    (store, id, { label, state, limit }) => store.listDeliveries(id, label, { state, limit }),
    showDeliveries,
  );

  add(
    "retry",
    "try a waiting delivery at once, or replay a dead one",
    [],
    async (store, id, { label }, number) => {
      const found = await store.getDelivery(id, label, Number(number));
      if (found === undefined) return undefined;
      if (found === null || found.delivery.state === "delivered")
        throw new Error(`There is no delivery ${number} that waits or is dead.`);
      if (found.delivery.state === "waiting") await store.hasten(id, label);
      else await store.replay(id, label, { number: Number(number) });
      return { number };
    },
    ({ number }) => [`retried  ${number}`],
    "<number>",
  );

  add(
    "skip",
    "skip the delivery that is first in the queue; it is dead then, and can be replayed",
    [],
    async (store, id, { label }) => {
      const number = await store.skipHead(id, label);
      if (number === null) throw new Error("No delivery waits.");
      return number;
    },
    (number) => [`skipped  ${number}`],
  );

  add<Options & { since?: Date }, number>(
    "replay",
    "put dead deliveries at the end of the queue",
    [
      new Option("--since <time>", "only those that died since then, such as 2026-11-29T13:00:00Z").argParser(
        parseTime,
      ),
    ],
    (store, id, { label, since }) => store.replay(id, label, { since: since ?? new Date(0) }),
    (replayed) => [`replayed  ${replayed}`],
  );

  add(
    "rotate-secret",
    "give a webhook a new secret and print it; the one before signs requests too for a day",
    [],
    (store, id, { label }) => store.rotateSecret(id, label, 86_400_000),
    ({ secret }) => [`secret  ${secret}`],
  );
}

function labelOption(): Option {
  return new Option("--label <label>", "label of the webhook").default(defaultLabel);
}

function toAsked(options: SetOptions): AskedWebhook {
  const { label, url, events, authorization, byEvents = false, media = false, unordered = false } = options;
  if (options.disable) return { ...disabledWebhook(label), sign: false };
  if (url === undefined) throw new Error("--url is needed for an enabled webhook.");
  const types = events === undefined ? [] : events.split(",").map((name) => name.trim());
  const unknown = types.find((name) => !isEventType(name));
  if (unknown !== undefined) throw new Error(`There is no event type ${unknown}.`);
  return {
    ...{ label, enabled: true, url, authorization, byEvents, events: types, mediaBase64: media },
    ...{ ordered: !unordered, sign: options.sign === true, secret: undefined, timeoutSeconds: defaultTimeoutSeconds },
  };
}

function parseUrl(text: string): string {
  if (isWebhookUrl(text)) return text;
  throw new InvalidArgumentError("It must be an absolute http or https URL.");
}

function parseLimit(text: string): number {
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= 1_000) return limit;
  throw new InvalidArgumentError("It must be a number from 1 to 1000.");
}

function parseTime(text: string): Date {
  const time = new Date(text);
  if (!Number.isNaN(time.getTime())) return time;
  throw new InvalidArgumentError("It must be a time such as 2026-11-29T13:00:00Z.");
}

function showWebhooks(webhooks: readonly Webhook[]): string[] {
  return table(
    ["LABEL", "STATE", "URL", "EVENTS"],
    webhooks.map(({ label, enabled, url, events, disabledReason }) => [
      label,
      enabled ? "enabled" : (disabledReason ?? "disabled"),
      url,
      events.length === 0 ? "all" : events.join(","),
    ]),
  );
}

function showDeliveries(deliveries: readonly Delivery[]): string[] {
  return table(
    ["NUMBER", "STATE", "EVENT", "ACCEPTED", "ATTEMPTS", "LAST"],
    deliveries.map(({ number, state, event, acceptedAt, attempts, last }) => [
      String(number),
      state,
      event,
      acceptedAt.toISOString(),
      String(attempts),
      last?.error ?? String(last?.status ?? ""),
    ]),
  );
}
