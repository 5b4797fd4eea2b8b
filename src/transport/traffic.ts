/** Counts the calls in flight of a port, so that a closing port can wait for them. */

export class Traffic {
  /** Set once. Answers from then on end their connection. */
  closing = false;
  #inFlight = 0;
  #onIdle: (() => void) | undefined;

  begin(): void {
    this.#inFlight++;
  }

  end(): void {
    if (--this.#inFlight === 0) this.#onIdle?.();
  }

  /** Resolves when nothing is in flight any more, after `deadlineMs` at the latest. */
  async drain(deadlineMs: number): Promise<void> {
    this.closing = true;
    if (this.#inFlight === 0) return;
    await new Promise<void>((resolve) => {
      const deadline = setTimeout(resolve, deadlineMs);
      this.#onIdle = () => {
        clearTimeout(deadline);
        resolve();
      };
    });
  }
}
