/** The command `eventwire publish`: publishes one event, or one for each line of the standard input. */

import { createInterface } from "node:readline";
import type { Command } from "commander";
import { PublishError } from "../client/node/publish-error.js";
import { parseInstanceName } from "./command.js";
import { type Destination, type EventSender, openEventSender } from "./event-sender.js";
import { addGatewayOptions, type GatewayLine, type GatewayOptions, readGateway } from "./gateway.js";

/**
 * The reasons of errors that concern a single event. The command prints such an error and goes on. With any other error
 * it stops, because the next event would fail as well.
 */
const reasonsOfOneEvent = new Set([
  "EVENT_TOO_LARGE",
  "EVENT_TOO_LARGE_FOR_BUS",
  "IDEMPOTENCY_KEY_USED",
  "INVALID_REQUEST",
  "INVALID_REQUEST_BODY",
  "OUTCOME_UNKNOWN",
]);

interface PublishCommandOptions extends GatewayOptions {
  idempotencyKey?: string;
}

export function addPublishCommand(program: Command, line: GatewayLine): void {
  const publish = program
    .command("publish")
    .description("publish an event, or one for each line of the standard input")
    .argument("<instance>", "its name", parseInstanceName)
    .argument("<type>", "event type, such as message.exchange")
    .argument("[data]", "JSON object; without it, JSON objects are read from the standard input, one a line");
  publish.option(
    "--idempotency-key <key>",
    "publish at most once in 24 hours; line 7 of the standard input gets the key <key>-7",
  );
  addGatewayOptions(publish, "print each published event as JSON, one a line, as without a terminal").action(
    async (instance: string, type: string, data: string | undefined, options: PublishCommandOptions) => {
      if (data === undefined && line.stdin.isTTY)
        throw new Error("Give the data as an argument, or JSON objects on the standard input, one a line.");
      const destination: Destination = { ...readGateway(line.settings(), options), instance, type };
      const sender = await openEventSender(destination);
      const asJson = options.json === true || !line.stdout.isTTY;
      await new Publication(line, sender, asJson, options.idempotencyKey).run(data);
    },
  );
}

/** One run of the command. */
class Publication {
  readonly #line: GatewayLine;
  readonly #sender: EventSender;
  readonly #asJson: boolean;
  readonly #key: string | undefined;
  readonly #open = new Set<Promise<void>>();
  #published = 0;
  #failed = 0;
  /** Number of published events that webhooks do not get. */
  #unstored = 0;
  #stopped = false;
  /** The first error because of which no further event is published. */
  #error: Error | undefined;

  constructor(line: GatewayLine, sender: EventSender, asJson: boolean, key: string | undefined) {
    this.#line = line;
    this.#sender = sender;
    this.#asJson = asJson;
    this.#key = key;
  }

  /**
   * Publishes one event with this data, or one for each line of the standard input when `data` is undefined. Rejects
   * with one sentence when an event was not published.
   */
  async run(data: string | undefined): Promise<void> {
    const { stdin, stdout, onStop, exitWith } = this.#line;
    const lines = data === undefined ? createInterface({ input: stdin }) : undefined;
    const stop = (): void => {
      this.#stopped = true;
      lines?.close();
      stdin.destroy();
    };
    const unstop = onStop((exitCode) => {
      exitWith(exitCode);
      stop();
    });
    // When the reader of the output has gone, as `head` goes after ten lines, the command publishes no more events.
    stdout.on("error", stop);
    let number = 0;
    for await (const text of lines ?? [data ?? ""]) {
      number++;
      if (text.trim() === "") continue;
      const place = lines === undefined ? "" : `line ${number}: `;
      const key = this.#key === undefined || lines === undefined ? this.#key : `${this.#key}-${number}`;
      const one = this.#publish(text, place, number, key).finally(() => this.#open.delete(one));
      this.#open.add(one);
      if (this.#open.size >= this.#sender.openMax) await Promise.race(this.#open);
      if (this.#stopped) break;
    }
    await Promise.all(this.#open);
    stop();
    unstop();
    await this.#sender.close();
    this.#report();
  }

  async #publish(text: string, place: string, number: number, key: string | undefined): Promise<void> {
    try {
      requireJson(text);
      const published = await this.#sender.send(text, key);
      this.#published++;
      if (published.webhooksStored === false) this.#unstored++;
      if (this.#asJson) this.#line.stdout.write(`${JSON.stringify({ line: number, ...published })}\n`);
    } catch (error) {
      if (!(error instanceof PublishError)) throw error;
      const { message, reason, outcome } = error;
      const sentence = `${message} (${reason}${outcome === "unknown" ? ", and the event may have been published" : ""}).`;
      this.#failed++;
      if (reasonsOfOneEvent.has(reason)) this.#line.stderr.write(`eventwire: ${place}${sentence}\n`);
      else {
        this.#error ??= new Error(`${place}${sentence}`, { cause: error });
        this.#stopped = true;
      }
    }
  }

  #report(): void {
    if (this.#error !== undefined) throw this.#error;
    const events = countOf(this.#published);
    if (this.#unstored > 0) {
      const missed = `webhooks do not get ${countOf(this.#unstored)}, because the database of the gateway was away.`;
      this.#line.stderr.write(`eventwire: ${missed}\n`);
    }
    if (this.#failed > 0) throw new Error(`${events} published, ${this.#failed} not.`);
    if (!this.#asJson) this.#line.stdout.write(`${events} published\n`);
  }
}

function countOf(events: number): string {
  return `${events} ${events === 1 ? "event" : "events"}`;
}

/**
 * Throws PublishError when the text is not JSON. Over REST the text becomes a part of the body, so a wrong text could
 * change other members of the body.
 */
function requireJson(text: string): void {
  try {
    JSON.parse(text);
  } catch (cause) {
    throw new PublishError("INVALID_REQUEST_BODY", `No JSON: ${(cause as Error).message}`, "not published", { cause });
  }
}
