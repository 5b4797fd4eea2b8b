/**
 * Notices that the gateway has been silent for too long. When the network drops a connection without a sign, silence is
 * all that the client can see.
 */

/** The client gives a connection up after this many times `heartbeatSeconds` without a frame. */
const heartbeatsMax = 2;
/** How often the client looks, per heartbeat. */
const beatsPerHeartbeat = 4;

/**
 * Counts the looks since the last frame, and reads no clock. After a process or a laptop stood still, the client has
 * looked once, and reads the frames that arrived meanwhile before it looks again.
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
