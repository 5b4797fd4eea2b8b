/** Reads the header `Retry-After` of an answer: seconds, or a date. */

/** A receiver cannot put an attempt off for longer. */
const retryAfterMaxMs = 3_600_000;

/** Returns milliseconds from `now` on, 3,600,000 at most. Undefined when the value is neither seconds nor a date. */
export function readRetryAfter(value: string, now: number): number | undefined {
  const text = value.trim();
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, retryAfterMaxMs);
  if (!/^[A-Z][a-z]+,? .*\d\d:\d\d:\d\d/.test(text)) return undefined;
  // The third form of HTTP dates, that of the C function asctime, does not name its time zone, which is GMT.
  const at = Date.parse(text.endsWith("GMT") ? text : `${text} GMT`);
  return Number.isNaN(at) ? undefined : Math.min(Math.max(at - now, 0), retryAfterMaxMs);
}
