/** Makes the two streams of the journal if they are missing, and fits their limits to the settings. */

import {
  DiscardPolicy,
  JetStreamApiCodes,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from "@nats-io/jetstream";
import { nanos } from "@nats-io/transport-node";
import { unless } from "./journal-errors.js";
import type { JournalNames } from "./journal-names.js";

export interface StreamLimits {
  /** How long an event is kept, and a note after its last change. */
  readonly seconds: number;
  /** Most bytes of all events. */
  readonly bytes: number;
  /** On how many servers of the NATS cluster each stream is stored. */
  readonly replicas: number;
}

/** Rejects when JetStream refuses a stream. */
export async function haveStreams(manager: JetStreamManager, names: JournalNames, limits: StreamLimits): Promise<void> {
  const common = {
    storage: StorageType.Memory,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    max_age: nanos(limits.seconds * 1000),
    num_replicas: limits.replicas,
  };
  await haveStream(manager, {
    ...common,
    name: names.eventStream,
    subjects: [names.eventSubjects],
    max_bytes: limits.bytes,
  });
  await haveStream(manager, {
    ...common,
    name: names.noteStream,
    subjects: [names.noteSubjects],
    max_msgs_per_subject: 1,
  });
}

type WantedStream = Partial<StreamConfig> & Pick<StreamConfig, "name" | "max_age" | "num_replicas">;

/** Makes sure that a stream with these limits is there. Another node may make it or change it at the same time. */
async function haveStream(manager: JetStreamManager, wanted: WantedStream): Promise<void> {
  const found = await manager.streams.info(wanted.name).catch(unless(JetStreamApiCodes.StreamNotFound));
  if (found === undefined) {
    await manager.streams.add(wanted);
    return;
  }
  const { config } = found;
  const fits = (["max_age", "max_bytes", "num_replicas"] as const).every(
    (limit) => wanted[limit] === undefined || wanted[limit] === config[limit],
  );
  if (!fits) await manager.streams.update(wanted.name, { ...config, ...wanted });
}
