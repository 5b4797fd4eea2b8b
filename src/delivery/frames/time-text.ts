/** Writes times as the frames of `eventwire.v1` have them: UTC with milliseconds, 24 characters. */

/** The last millisecond whose text has 24 characters. A later time is written as this one. */
const timeMax = Date.UTC(10_000, 0, 1) - 1;

/** Returns the text of a time in milliseconds since 1970. */
export function timeText(time: number): string {
  return new Date(Math.min(time, timeMax)).toISOString();
}

let lastTime = Number.NaN;
let lastText = "";

/**
 * Returns the same text, and keeps it for the next call with the same time. Events of one millisecond share the text,
 * because it costs as much as the rest of a frame.
 */
export function lastTimeText(time: number): string {
  if (time !== lastTime) {
    lastText = timeText(time);
    lastTime = time;
  }
  return lastText;
}
