/**
 * The grammar of a JSON number, as a state machine that reads one byte at a time. The minus sign before the number is
 * read elsewhere.
 */

/**
 * The states of reading a JSON number. The first state is `numberStart`; each other state says which part was read
 * last.
 */
export const numberStart = 0;
const zero = 1;
const whole = 2;
const point = 3;
const fraction = 4;
const exponent = 5;
const sign = 6;
const power = 7;
/** Returned instead of a next state when the byte does not belong to the number. */
export const numberEnds = 255;

/** The next state for each pair of state and byte. The index is 128 times the state, plus the byte. */
const table = new Uint8Array(8 * 128).fill(numberEnds);

function on(states: readonly number[], bytes: string, next: number): void {
  for (const state of states) for (const byte of bytes) table[(state << 7) | byte.charCodeAt(0)] = next;
}

on([numberStart], "0", zero);
on([numberStart], "123456789", whole);
on([whole], "0123456789", whole);
on([zero, whole], ".", point);
on([point, fraction], "0123456789", fraction);
on([zero, whole, fraction], "eE", exponent);
on([exponent], "+-", sign);
on([exponent, sign, power], "0123456789", power);

export function nextOfNumber(state: number, byte: number): number {
  return byte < 128 ? (table[(state << 7) | byte] as number) : numberEnds;
}

/** Whether a number may end in this state. */
export function isNumberComplete(state: number): boolean {
  return state === zero || state === whole || state === fraction || state === power;
}
