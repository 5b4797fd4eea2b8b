/** The options and arguments of the commands `eventwire webhook …`, checked by the rules of the contract. */

import { Argument, InvalidArgumentError, Option } from "commander";
import { isEventType } from "../domain/event-type.js";
import {
  type AskedWebhook,
  defaultLabel,
  defaultTimeoutSeconds,
  disabledWebhook,
  isWebhookLabel,
  isWebhookUrl,
} from "../domain/webhook.js";
import type { DeliveryState } from "../store/webhook-operations.js";

const [urlMax, authorizationMax, eventsMax] = [2_048, 4_096, 64];

export interface SetOptions {
  label: string;
  url?: string;
  events?: string[];
  authorization?: string;
  byEvents?: boolean;
  media?: boolean;
  unordered?: boolean;
  timeout: number;
  sign?: boolean;
  disable?: boolean;
}

export interface ListOptions {
  state?: DeliveryState;
  since?: Date;
  limit: number;
}

export function labelOption(): Option {
  return new Option("--label <label>", "label of the webhook").default(defaultLabel).argParser((text) => {
    if (isWebhookLabel(text)) return text;
    throw new InvalidArgumentError("It must be 1 to 100 characters without control characters.");
  });
}

export function numberArgument(): Argument {
  return new Argument("<number>", "number of the delivery, as `eventwire webhook deliveries` lists it").argParser(
    (text) => {
      if (/^\d{1,15}$/.test(text)) return Number(text);
      throw new InvalidArgumentError("It must be the number of a delivery.");
    },
  );
}

export function setOptions(): Option[] {
  return [
    new Option("--url <url>", "where events are posted; needed unless --disable is given").argParser(parseUrl),
    new Option("--events <types>", "event types, separated by commas; all without this option").argParser(parseEvents),
    new Option(
      "--authorization <value>",
      "value of the header Authorization; others on this machine can see arguments",
    ).argParser(parseAuthorization),
    new Option("--by-events", "add the event type to the path"),
    new Option("--media", "send media inline as base64"),
    new Option("--unordered", "let deliveries overtake each other, up to eight at once"),
    new Option("--timeout <seconds>", "how long the receiver may take to answer, 1 to 30")
      .default(defaultTimeoutSeconds)
      .argParser((text) => parseWhole(text, 30)),
    new Option("--sign", "sign requests, and print the secret; a secret is made when there is none"),
    new Option("--disable", "disable the webhook and clear everything but its label"),
  ];
}

export function listOptions(): Option[] {
  return [
    new Option("--state <state>", "only deliveries in this state").choices(["waiting", "delivered", "dead"]),
    sinceOption("only events that were accepted since then, such as 2026-11-29T13:00:00Z"),
    limitOption("most deliveries, 1 to 1000", 100),
  ];
}

export function sinceOption(meaning: string): Option {
  return new Option("--since <time>", meaning).argParser((text) => {
    const time = new Date(text);
    if (!Number.isNaN(time.getTime())) return time;
    throw new InvalidArgumentError("It must be a time such as 2026-11-29T13:00:00Z.");
  });
}

export function limitOption(meaning: string, fallback: number): Option {
  return new Option("--limit <number>", meaning).default(fallback).argParser((text) => parseWhole(text, 1_000));
}

/** The webhook that the options of `eventwire webhook set` ask for. Throws when an enabled one has no URL. */
export function toAsked(options: SetOptions): AskedWebhook {
  const { label, url, events = [], authorization, byEvents = false, media = false, unordered = false } = options;
  const { timeout, sign = false } = options;
  if (options.disable) return { ...disabledWebhook(label), sign: false };
  if (url === undefined) throw new Error("--url is needed for an enabled webhook.");
  return {
    ...{ label, enabled: true, url, authorization, byEvents, events, mediaBase64: media },
    ...{ ordered: !unordered, sign, secret: undefined, timeoutSeconds: timeout },
  };
}

function parseUrl(text: string): string {
  if (isWebhookUrl(text) && text.length <= urlMax) return text;
  throw new InvalidArgumentError(`It must be an absolute http or https URL of at most ${urlMax} characters.`);
}

function parseEvents(text: string): string[] {
  const types = text.split(",").map((name) => name.trim());
  const unknown = types.find((name) => !isEventType(name));
  if (unknown !== undefined) throw new InvalidArgumentError(`There is no event type ${unknown}.`);
  if (types.length > eventsMax) throw new InvalidArgumentError(`It must be at most ${eventsMax} event types.`);
  return types;
}

function parseAuthorization(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text) && text.length <= authorizationMax) return text;
  throw new InvalidArgumentError(`It must be at most ${authorizationMax} visible ASCII characters and spaces.`);
}

function parseWhole(text: string, max: number): number {
  const number = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (number >= 1 && number <= max) return number;
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${max}.`);
}
