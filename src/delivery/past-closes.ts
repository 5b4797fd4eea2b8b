/** Lets a client that comes back know how its last connection ended, if the gateway closed it. */

import type { PreviousClose } from "../../gen/frames.js";
import type { Close } from "../domain/closes.js";
import type { Principal } from "../domain/instance.js";
import type { History, KeptClose } from "../history/history.js";
import type { Waited } from "./control-frames.js";
import type { Asked } from "./hub.js";

export class PastCloses {
  readonly #history: History | undefined;
  readonly #found = new WeakMap<Asked, KeptClose>();

  /** Without a history nothing is kept. */
  constructor(history: History | undefined) {
    this.#history = history;
  }

  /** Keeps how a connection ended, as soon as its close is decided. */
  keep(
    connection: string,
    principal: Principal,
    { code, reason }: Close,
    { waitingFrames, waitingBytes }: Waited,
  ): void {
    this.#history?.keepClose(connection, { holder: holderOf(principal), code, reason, waitingFrames, waitingBytes });
  }

  /** Looks for what a client asks. Undefined when the client does not ask. Never rejects. */
  find(asked: Asked | undefined): Promise<void> | undefined {
    if (asked?.previous === undefined) return undefined;
    return this.#history?.closeOf(asked.previous).then((close) => {
      if (close !== undefined) this.#found.set(asked, close);
    });
  }

  /** What `hello` says of the connection that the client named: see HelloFrame. Call `find` before. */
  told(asked: Asked, principal: Principal): PreviousClose | null {
    const { previous: connection } = asked;
    if (connection === undefined) return null;
    const close = this.#found.get(asked);
    // Nobody else may learn that there was such a connection.
    if (close?.holder !== holderOf(principal)) return { connection, ...unknown };
    const { code, reason, waitingFrames, waitingBytes } = close;
    return { connection, code, reason, waitingFrames, waitingBytes };
  }
}

const unknown = { code: 0, reason: "unknown", waitingFrames: 0, waitingBytes: 0 };

/** A token that replaces another one has the same holder. */
function holderOf({ kind, id }: Principal): string {
  return `${kind} ${id}`;
}
