/** Counts the calls in flight on a port, so that a port that closes can wait for them. */

export class Traffic {
  #inFlight = 0;
  #onIdle: (() => void) | undefined;

  begin(): void {
    this.#inFlight++;
  }

  end(): void {
    if (--this.#inFlight === 0) this.#onIdle?.();
  }

  /** Resolves when no call is in flight any more, or after `deadlineMs` at the latest. */
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
