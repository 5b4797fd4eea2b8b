/** A consumer that comes back, with all its connections, and with what a good client stores of them. */

import type { Control } from "./control-hub.js";
import type { FakeConnection } from "./fake-hub.js";
import type { Arrived, Connection } from "./lasting-standing.js";

interface Link {
  readonly after: string | undefined;
  readonly joinedAt: number;
  readonly connection: FakeConnection;
}

export class LastingReader {
  readonly #links: Link[] = [];

  /** Opens a connection that goes on after the last position that the consumer knows. */
  connect(open: (after: string | undefined) => FakeConnection, joinedAt: number): void {
    const after = this.position;
    this.#links.push({ after, joinedAt, connection: open(after) });
  }

  get connection(): FakeConnection {
    return (this.#links.at(-1) as Link).connection;
  }

  get open(): boolean {
    return this.connection.consumer.open && this.connection.ended === undefined;
  }

  get connections(): Connection[] {
    return this.#links.map(({ after, joinedAt, connection }) => ({ after, joinedAt, frames: framesOf(connection) }));
  }

  /** The position after which the consumer would go on. A resumed connection begins before the position in its `hello`. */
  get position(): string | undefined {
    let position: string | undefined;
    for (const { frames } of this.connections)
      for (const frame of frames) {
        const isUnread = "control" in frame && frame.control === "hello" && frame.resumed === true;
        if (typeof frame.position === "string" && !isUnread) position = frame.position;
      }
    return position;
  }
}

function framesOf({ received }: FakeConnection): (Arrived | Control)[] {
  return received.map((text) => {
    const frame = JSON.parse(text);
    return frame.control === undefined ? { n: frame.data.n, position: frame.position } : frame;
  });
}
