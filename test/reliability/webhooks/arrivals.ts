/** What the receivers have written down: each event that one of them took, and whether it was answered. */

export interface Arrival {
  readonly pid: number;
  readonly attempt: number;
  readonly mood: string;
  /** The index of the webhook, from the path of the request. */
  readonly webhook: number;
  readonly instance: number;
  readonly publisher: number;
  readonly n: number;
  /** In milliseconds since 1970. */
  readonly at: number;
  /** The header `webhook-id`. */
  readonly id: string;
  /** The base64 text in the frame. Undefined when the frame had none. */
  readonly media: string | undefined;
  /** When the answer was handed to the kernel. Undefined when the receiver never answered. */
  answeredAt: number | undefined;
}

/** Reads the log of `receiver-program.mjs`. The arrivals have the order in which the events came. */
export async function readArrivals(lines: AsyncIterable<string> | Iterable<string>): Promise<Arrival[]> {
  const arrivals: Arrival[] = [];
  const unanswered = new Map<string, Arrival>();
  for await (const line of lines) {
    const [what, key = "", ...rest] = line.split(" ");
    if (what === "took") {
      const arrival = arrivalOf(key, rest);
      arrivals.push(arrival);
      unanswered.set(key, arrival);
    } else {
      const arrival = unanswered.get(key);
      if (what !== "answered" || arrival === undefined) throw new Error(`The log of the receivers has: ${line}`);
      arrival.answeredAt = Number(rest[0]);
      unanswered.delete(key);
    }
  }
  return arrivals;
}

function arrivalOf(
  key: string,
  [attempt, mood = "", webhook, instance, publisher, n, at, id = "", media]: string[],
): Arrival {
  return {
    pid: Number.parseInt(key, 10),
    attempt: Number(attempt),
    mood,
    webhook: Number(webhook),
    instance: Number(instance),
    publisher: Number(publisher),
    n: Number(n),
    at: Number(at),
    id,
    media: media === "-" ? undefined : media,
    answeredAt: undefined,
  };
}
