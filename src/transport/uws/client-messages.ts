/** Takes the messages of one client of `eventwire.v1`, no more of them than leave time for all other clients. */

import type { Consumer } from "../../delivery/consumer.js";
import type { Hub } from "../../delivery/hub.js";
import { Misunderstood, readClientMessage } from "./client-message.js";

/** Most messages that are read within `spanMs`. To read and answer a message costs about 10 µs. */
const readMax = 100;
const spanMs = 10_000;
/** So many messages beyond `readMax` are answered with `error`. The last of these ends the connection with 4000. */
const answeredMax = 10;

const tooMany = new Misunderstood(`a client may send at most ${readMax} messages within ${spanMs / 1000} seconds`);

export class ClientMessages {
  readonly #hub: Hub;
  readonly #consumer: Consumer;
  readonly #typesMax: number;
  #since = 0;
  /** How many messages have come since then. */
  #count = 0;

  /** `typesMax`: the event types that the client's ticket allows, or all types for a client with a token. */
  constructor(hub: Hub, consumer: Consumer, typesMax: number) {
    this.#hub = hub;
    this.#consumer = consumer;
    this.#typesMax = typesMax;
  }

  take(bytes: ArrayBuffer, isBinary: boolean): void {
    const now = performance.now();
    if (now - this.#since >= spanMs) {
      this.#since = now;
      this.#count = 0;
    }
    this.#count++;
    if (this.#count > readMax + answeredMax) return;
    const message = this.#count > readMax ? tooMany : readClientMessage(bytes, isBinary);
    if (message instanceof Misunderstood) this.#hub.misunderstood(this.#consumer, message.rule);
    else if (message.control === "ping") this.#hub.answerPing(this.#consumer);
    else this.#hub.narrow(this.#consumer, message.types & this.#typesMax);
  }
}
