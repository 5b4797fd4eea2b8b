/** Keeps the position of a connection in a storage of the caller, so that a page goes on there after a reload. */

import type { ControlFrame, EventFrame } from "../../gen/frames.js";
import { positionAfter } from "./progress.js";

/** What the client needs of a storage. `sessionStorage` and `localStorage` of a browser have it. */
export interface PositionStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

export class StoredPosition {
  readonly #storage: PositionStorage | undefined;
  readonly #key: string;
  #position: string | undefined;

  /** `connection` names the connection: two connections to the same URL and with the same events share a position. */
  constructor(storage: PositionStorage | undefined, connection: string) {
    this.#storage = storage;
    this.#key = `eventwire ${connection}`;
    this.#position = this.#try(() => storage?.getItem(this.#key)) || undefined;
  }

  /** The stored position. Undefined when there is none. */
  get position(): string | undefined {
    return this.#position;
  }

  /** Stores how far the caller is, when the caller has dealt with a frame. */
  dealtWith(frame: EventFrame | ControlFrame): void {
    const position = positionAfter(frame, this.#position);
    if (position === this.#position) return;
    this.#position = position;
    this.#try(() => this.#storage?.setItem(this.#key, position ?? ""));
  }

  /** A storage may be full or forbidden. Then the page begins anew after a reload. */
  #try<T>(access: () => T): T | undefined {
    try {
      return access();
    } catch {
      return undefined;
    }
  }
}
