/**
 * The command `eventwire tail`: shows the frames of an instance, or of all instances of an account, as they arrive.
 * When the connection ends, it connects again, unless a person has to change something first.
 */

import { once } from "node:events";
import type { Command } from "commander";
import type { ConnectionEnd, ConnectionState, Frame } from "../client/browser.js";
import { connect } from "../client/node/connect.js";
import { parseInstanceName } from "./command.js";
import { frameLine } from "./frame-line.js";
import { addGatewayOptions, type GatewayLine, type GatewayOptions, readGateway } from "./gateway.js";

interface TailOptions extends GatewayOptions {
  events?: string;
  after?: string;
}

export function addTailCommand(program: Command, line: GatewayLine): void {
  const tail = program
    .command("tail")
    .description("show the events and control frames of an instance as they arrive")
    .argument("[instance]", "its name; without it, all instances of the account", parseInstanceName)
    .option("--events <types>", "event types to show, with commas between them (default: all)")
    .option("--after <position>", "begin after this position");
  addGatewayOptions(tail, "print each frame as it arrives, one a line, as without a terminal").action(
    (instance: string | undefined, options: TailOptions) => runTail(line, instance, options),
  );
}

async function runTail(line: GatewayLine, instance: string | undefined, options: TailOptions): Promise<void> {
  const { stdout, stderr } = line;
  const asJson = options.json === true || !stdout.isTTY;
  /** By frame: its text as it arrived. A parsed frame may have lost digits of long numbers. */
  const texts = new WeakMap<object, string>();
  const textOf = (frame: Frame): string => texts.get(frame) ?? JSON.stringify(frame);
  const coloured = stdout.isTTY && stdout.hasColors();

  const connection = connect({
    ...readGateway(line.settings(), options),
    instance,
    events: options.events?.split(",").filter((name) => name !== ""),
    after: options.after,
    parse: (text) => {
      const frame: object = JSON.parse(text);
      texts.set(frame, text);
      return frame;
    },
    onState: (state, end) => void stderr.write(stateLine(state, end)),
  });
  const unstop = line.onStop((exitCode) => {
    line.exitWith(exitCode);
    connection.close();
  });
  // When the reader of the output has gone, as `head` goes after ten lines, the command ends.
  stdout.on("error", () => connection.close());
  try {
    for await (const frame of connection.frames()) {
      if (stdout.writable === false) break;
      const text = asJson ? textOf(frame) : frameLine(frame, textOf, coloured);
      if (!stdout.write(`${text}\n`)) await Promise.race([once(stdout, "drain"), connection.closed]);
    }
  } finally {
    unstop();
  }
}

function stateLine(state: ConnectionState, end: ConnectionEnd | undefined): string {
  if (state !== "waiting" || end === undefined) return "";
  const seconds = (end.retryAfterMs / 1000).toFixed(1);
  return `eventwire: ${end.code} ${end.reason}; trying again in ${seconds} s\n`;
}
