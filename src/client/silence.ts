/** Notices that the gateway is silent for too long, which a connection that was cut in between does not tell. */

/** Twice the time after which the gateway sends a frame when it has no other. */
const heartbeatsMax = 2;
/** Beats of the watch per heartbeat. */
const beatsPerHeartbeat = 4;

/**
 * Counts beats without a frame and reads no clock. A process or a laptop that stood still counts one beat for all that
 * time, and first reads the frames that arrived meanwhile.
 */
export class Silence {
  #timer: ReturnType<typeof setInterval> | undefined;
  #beats = 0;

  /** Calls `onSilent` once, after two heartbeats without a call of `heard`. */
  watch(heartbeatSeconds: number, onSilent: () => void): void {
    this.stop();
    this.#beats = 0;
    this.#timer = setInterval(
      () => {
        if (++this.#beats <= heartbeatsMax * beatsPerHeartbeat) return;
        this.stop();
        onSilent();
      },
      (heartbeatSeconds * 1000) / beatsPerHeartbeat,
    );
  }

  heard(): void {
    this.#beats = 0;
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
