/**
 * Records the states that `instance.state` events report. The states are written to the database soon after the event,
 * so that publishing never waits for the database. A write that fails is tried again each second.
 */

import type { Logger } from "pino";
import type { Range } from "../json/scan.js";
import type { ReportedState, Store } from "../store/store.js";
import type { AcceptedEvent, Sink } from "./sinks.js";

/**
 * Longest `data.state` that is recorded, in JavaScript's characters; a longer one is ignored. `jidMax` limits
 * `data.jid` in this way.
 */
const stateMax = 64;
const jidMax = 128;
/** Most bytes that one character takes in JSON, as in `\\u0041`. */
const escapedBytesMax = 6;
/** Time between a failed write and the next attempt, in milliseconds. */
const retryMs = 1_000;

export interface InstanceStatus extends Sink {
  /** Notes the state that an `instance.state` event reports, to be written soon. Any other event reports nothing. */
  take(event: Pick<AcceptedEvent, "instanceId" | "data" | "reported">): void;
  /**
   * Returns a look-up of the states that the store may not have yet, by the id of an instance. Call `pending` before
   * you read the store, because the rows may lack a state that is written during your read. The look-up knows the
   * states that waited when you called `pending`, and all states that were reported later.
   */
  pending(): (instanceId: string) => ReportedState;
  /**
   * Waits for the write that runs, tries once more to write the states that still wait, and then stops. States that
   * this attempt cannot write are lost.
   */
  close(): Promise<void>;
}

export function createInstanceStatus({ store, logger }: { store: Store; logger: Logger }): InstanceStatus {
  /**
   * The states that wait to be written, by the id of the instance. Both values of a state are the ones that were
   * reported last. `writing` holds the states of the write that runs.
   */
  let waiting = new Map<string, ReportedState>();
  let writing = new Map<string, ReportedState>();
  let worker: Promise<void> | undefined;
  let retry: NodeJS.Timeout | undefined;
  let closed = false;

  async function write(): Promise<void> {
    while (waiting.size > 0) {
      writing = waiting;
      waiting = new Map();
      try {
        await store.setStates(writing);
      } catch (error) {
        logger.warn({ err: error, instances: writing.size }, "instance states not written, will try again");
        for (const [id, later] of waiting) writing.set(id, { ...writing.get(id), ...later });
        waiting = writing;
        if (!closed) retry = setTimeout(start, retryMs);
        return;
      } finally {
        writing = new Map();
      }
    }
  }

  function start(): void {
    retry = undefined;
    worker = write().finally(() => {
      worker = undefined;
    });
  }

  return {
    take({ instanceId, data, reported }) {
      if (reported === undefined) return;
      const { state, jid } = reported;
      const told = {
        ...member("status", textOf(data, state, stateMax)),
        ...member("numberJid", textOf(data, jid, jidMax)),
      };
      if (told.status === undefined && told.numberJid === undefined) return;
      waiting.set(instanceId, { ...waiting.get(instanceId), ...told });
      if (worker === undefined && retry === undefined) start();
    },

    pending() {
      const before = [writing, waiting];
      return (id) => Object.assign({}, ...[...before, writing, waiting].map((states) => states.get(id)));
    },

    async close() {
      closed = true;
      clearTimeout(retry);
      await worker;
      if (waiting.size > 0) await write();
    },
  };
}

/**
 * An object with this member, or an empty object when there is no text. Without the member, the value that was reported
 * before stays.
 */
function member(name: keyof ReportedState, text: string | undefined): ReportedState {
  return text === undefined ? {} : { [name]: text };
}

/**
 * Decodes a JSON string of 1 to `max` characters. Undefined for any other value and for a longer string, most of which
 * are refused without being decoded.
 */
function textOf(data: Uint8Array, range: Range | undefined, max: number): string | undefined {
  if (range === undefined || range.end - range.start > max * escapedBytesMax + 2) return undefined;
  const source = Buffer.from(data.buffer, data.byteOffset + range.start, range.end - range.start).toString();
  const value: unknown = source.startsWith('"') ? JSON.parse(source) : undefined;
  return typeof value === "string" && value.length > 0 && value.length <= max ? value : undefined;
}
