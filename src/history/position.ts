/** Writes and reads positions: `<epoch>.<sequence number>.<time of the event>`. For consumers the text is opaque. */

export interface Position {
  /** Names the history that gave the sequence number: 1 to 32 letters, digits, `-` and `_`. */
  readonly epoch: string;
  readonly sequence: number;
  /** When the event was accepted, in milliseconds since 1970. The gap after a refused position begins here. */
  readonly time: number;
}

const form = /^([\w-]{1,32})\.(\d{1,15})\.([0-9a-z]{1,9})$/;

let lastTime = Number.NaN;
let lastText = "";

/** Events of one millisecond share the text of their time. */
export function positionText(epoch: string, sequence: number, time: number): string {
  if (time !== lastTime) {
    lastText = Math.max(0, time).toString(36);
    lastTime = time;
  }
  return `${epoch}.${sequence}.${lastText}`;
}

/** Undefined when the text is no position of any history. */
export function readPosition(text: string): Position | undefined {
  const [, epoch, sequence, time] = form.exec(text) ?? [];
  if (epoch === undefined || sequence === undefined || time === undefined) return undefined;
  return { epoch, sequence: Number(sequence), time: Number.parseInt(time, 36) };
}
