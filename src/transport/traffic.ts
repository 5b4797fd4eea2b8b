/** Counts the calls in flight of a port, so that a closing port can wait for them. */

export class Traffic {
  #inFlight = 0;
  #onIdle: (() => void) | undefined;

  begin(): void {
    this.#inFlight++;
  }

  end(): void {
    if (--this.#inFlight === 0) this.#onIdle?.();
  }

  /** Resolves when nothing is in flight any more, after `deadlineMs` at the latest. */
  async idle(deadlineMs: number): Promise<void> {
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
