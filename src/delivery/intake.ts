/** Takes in what streams must give: events from the bus and from the history, and control frames for all consumers of a stream. */

import type { ControlFrame } from "../../gen/frames.js";
import type { Event } from "../bus/bus.js";
import type { HubStats } from "./hub.js";
import type { Replays } from "./replays.js";
import type { Stream } from "./stream.js";
import type { StreamGroup } from "./stream-group.js";
import type { Turns } from "./turns.js";

export interface Intake {
  receive(group: StreamGroup, event: Event): void;
  receiveKept(group: StreamGroup, event: Event, position: string | undefined): void;
  /** Sends a control frame to all consumers of a stream. Does nothing when the format of the stream has no control frames. */
  announce(stream: Stream, control: ControlFrame): void;
  /** Does the same, but for consumers that still read older events of the history. */
  announceToJoined(stream: Stream, control: ControlFrame): void;
}

export interface IntakeOptions {
  readonly stats: Pick<HubStats, "events" | "filtered" | "framesBuilt">;
  readonly turns: Pick<Turns, "touch" | "schedule">;
  readonly replays: Pick<Replays, "announce">;
  /**
   * Called when a stream got an event without a position, while consumers still read older events. They would miss the event.
   */
  readonly onUnplaced: (stream: Stream) => void;
}

export function createIntake({ stats, turns, replays, onUnplaced }: IntakeOptions): Intake {
  /** Returns how many frames were built. */
  function accept(streams: readonly Stream[], event: Event, position?: string): number {
    let built = 0;
    for (const stream of streams) {
      const first = stream.idle;
      if (!stream.accept(event, position)) continue;
      built++;
      if (first) turns.touch(stream);
    }
    stats.framesBuilt += built;
    if (built > 0) turns.schedule();
    return built;
  }

  function announceToJoined(stream: Stream, control: ControlFrame) {
    const first = stream.idle;
    const frame = stream.announce(control);
    if (frame === undefined) return undefined;
    if (first) turns.touch(stream);
    turns.schedule();
    return frame;
  }

  return {
    receive({ fromBus, following }, event) {
      stats.events++;
      const built = accept(fromBus, event);
      if (following !== undefined) following.heard(event);
      else if (built === 0) stats.filtered++;
    },

    receiveKept({ fromBus, fromHistory }, event, position) {
      const built = accept(fromHistory, event, position);
      if (built === 0 && !fromBus.some(({ selection }) => selection.takes(event))) stats.filtered++;
      if (position !== undefined) return;
      for (const stream of fromHistory) if (stream.replaying.size > 0) onUnplaced(stream);
    },

    announce(stream, control) {
      const frame = announceToJoined(stream, control);
      if (frame !== undefined) replays.announce(stream, frame);
    },

    announceToJoined(stream, control) {
      announceToJoined(stream, control);
    },
  };
}
