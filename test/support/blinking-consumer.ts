/**
 * A consumer of `eventwire.v1` that loses its connection again and again, and goes on after its last position wherever it comes back.
 * It notes everything that does not fit: an event twice, an event that is missing, a replay that is shorter than `hello` said.
 */

import { WebSocket } from "ws";

interface Frame {
  readonly control?: string;
  readonly position?: string | null;
  readonly resumed?: boolean | null;
  readonly resumeRefusal?: string | null;
  readonly replayed?: number;
  readonly data?: { readonly publisher: string; readonly n: number };
}

export class BlinkingConsumer {
  /** What went wrong. */
  readonly faults: string[] = [];
  /** Why it could not go on after its position. Each was followed by a gap. */
  readonly refusals: string[] = [];
  /** Milliseconds from each attempt to connect again until it was live. */
  readonly times: number[] = [];
  events = 0;
  gaps = 0;
  /** How many events the replays had, in sum. */
  replayed = 0;
  readonly #path: string;
  readonly #last = new Map<string, number>();
  #socket: WebSocket | undefined;
  #position: string | undefined;
  #awaitsGap = false;
  #isLive = false;

  /** `path`: the path of the instance with its token. */
  constructor(path: string) {
    this.#path = path;
  }

  /** Connects to a node. Resolves when it has read `hello` and the whole replay. Rejects when the node refuses or goes away. */
  async connect(url: string): Promise<void> {
    const begun = performance.now();
    this.#isLive = false;
    const after = this.#position === undefined ? "" : `&after=${this.#position}`;
    const socket = new WebSocket(`${url.replace(/^http/, "ws")}${this.#path}${after}`, ["eventwire.v1"]);
    this.#socket = socket;
    let replaying: number | undefined;
    await new Promise<void>((resolve, reject) => {
      socket.on("error", reject);
      socket.on("close", () => reject(new Error("closed")));
      socket.on("message", (text: Buffer) => {
        if (this.#socket !== socket) return;
        const frame = JSON.parse(text.toString()) as Frame;
        if (replaying === undefined) replaying = this.#hello(frame, after !== "");
        else this.#take(frame, replaying > 0);
        if (frame.data !== undefined && replaying > 0) replaying--;
        if (replaying === 0) resolve();
      });
    });
    this.#isLive = true;
    if (after !== "") this.times.push(performance.now() - begun);
  }

  /** Ends the connection without a word. */
  drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.terminate();
  }

  /** Whether it is live, after the replay. */
  get isConnected(): boolean {
    return this.#isLive && this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Resolves when the connection has ended. */
  ended(): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined || socket.readyState === WebSocket.CLOSED) return Promise.resolve();
    return new Promise((resolve) => socket.on("close", () => resolve()));
  }

  /** The number of the last event of a publisher. */
  last(publisher: string): number {
    return this.#last.get(publisher) ?? 0;
  }

  #hello({ control, resumed, resumeRefusal, replayed = 0, position }: Frame, hasAsked: boolean): number {
    if (control !== "hello") this.faults.push(`${control} in place of hello`);
    if (hasAsked && resumed !== true) {
      this.refusals.push(resumeRefusal ?? "");
      this.#awaitsGap = true;
      this.#last.clear();
    }
    this.replayed += replayed;
    // The position of a resumed hello is that of its end, which this consumer reaches with the replay.
    if (resumed !== true) this.#position = position ?? undefined;
    return replayed;
  }

  #take({ control, data, position }: Frame, isReplay: boolean): void {
    if (control === "gap") {
      this.gaps++;
      this.#awaitsGap = false;
      this.#last.clear();
    }
    if (this.#awaitsGap) this.faults.push("no gap after a refusal");
    if (control === "position" || data !== undefined) this.#position = position ?? undefined;
    if (data === undefined) return;
    const { publisher, n } = data;
    const last = this.#last.get(publisher);
    if (last !== undefined && n !== last + 1)
      this.faults.push(`${n} after ${last} of ${publisher}, replay: ${isReplay}`);
    this.#last.set(publisher, n);
    this.events++;
  }
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
