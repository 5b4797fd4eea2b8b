/** Writes a frame of `eventwire.v1` as one line of text, for people. */

import type { ControlFrame, EffectiveFilter, Frame } from "../client/browser.js";

/** Most characters of an event's data in a line. Longer data is cut, because it may hold media. */
const dataMax = 2_000;

const colours = { plain: "0", faint: "2", red: "31", green: "32", yellow: "33", cyan: "36" } as const;

/** Returns the line for a frame. `textOf` returns the text of the frame as it arrived, from which the data is taken. */
export function frameLine(frame: Frame, textOf: (frame: Frame) => string, coloured: boolean): string {
  const paint = (colour: keyof typeof colours, text: string): string =>
    coloured ? `\u001b[${colours[colour]}m${text}\u001b[0m` : text;
  if ("event" in frame) {
    const { time, event, instanceData } = frame;
    const data = cut(dataIn(textOf(frame)));
    return `${paint("faint", clock(time))}  ${paint("cyan", shown(event))}  ${shown(instanceData.instance)}  ${data}`;
  }
  const [colour, text] = explain(frame);
  const time = "time" in frame ? clock(frame.time) : clock(new Date().toISOString());
  return `${paint("faint", time)}  ${paint(colour, `${shown(frame.control)}  ${shown(text)}`)}`;
}

function explain(frame: ControlFrame): [colour: keyof typeof colours, text: string] {
  switch (frame.control) {
    case "hello":
      return ["green", `${frame.instance || "all instances"}: ${filterText(frame.filter)}`];
    case "config_changed": {
      const now = frame.enabled ? "enabled" : "disabled, open connections stay";
      return ["yellow", `${frame.instance} ${frame.change}, ${now}: ${filterText(frame.filter)}`];
    }
    case "gap": {
      const { reason, from, until, missed, instance } = frame;
      const count = missed === null ? "events" : `${missed} events`;
      return [
        "yellow",
        `${count} may be missing${instance === null ? "" : ` of ${instance}`}, ${from} to ${until}: ${reason}`,
      ];
    }
    case "position":
      return ["faint", frame.position ?? "nothing happened"];
    case "narrowed":
      return ["green", filterText(frame.filter)];
    case "closing": {
      const { code, reason, reconnect, waitingFrames, waitingBytes } = frame;
      const waited = waitingFrames === 0 ? "" : `, ${waitingFrames} frames (${waitingBytes} bytes) were dropped`;
      return [reconnect ? "yellow" : "red", `${code} ${reason}${waited}`];
    }
    case "refused":
      return ["red", `${frame.status} ${frame.message}${frame.rule === null ? "" : `, ${frame.rule}`}`];
    case "error":
      return ["red", frame.message];
    default:
      return ["plain", JSON.stringify(frame)];
  }
}

function filterText({ events, mediaBase64 }: EffectiveFilter): string {
  return `${events.join(", ") || "no event type"}${mediaBase64 ? ", with media" : ""}`;
}

/**
 * Returns the data in the text of an event frame, as it was published. The text is not parsed. No member before the
 * data holds a text of the producer, so the first `"data":` is that of the data.
 */
function dataIn(text: string): string {
  const start = text.indexOf(',"data":');
  const end = text.lastIndexOf(',"instanceData":');
  return start === -1 || end === -1 ? text : text.slice(start + 8, end);
}

function cut(data: string): string {
  const text = data.length > dataMax ? `${data.slice(0, dataMax)}… (${data.length} characters)` : data;
  return shown(text);
}

/** Returns the time of day in a time of RFC 3339, which is UTC. */
function clock(time: string): string {
  return shown(time.slice(11));
}

/**
 * Replaces control characters, which could change the terminal, and characters that change the direction of the text,
 * with which a text could look like another one.
 */
function shown(text: string): string {
  return text.replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
