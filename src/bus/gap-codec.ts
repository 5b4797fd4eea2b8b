/** Encodes and decodes the messages in which nodes tell each other of gaps. They are rare, so the Protobuf library does it. */

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type BusGaps_Gap,
  BusGaps_GapSchema,
  BusGapsQuestionSchema,
  BusGapsSchema,
} from "../../gen/eventwire/bus/v1/bus_gaps_pb.js";
import type { BusGap } from "./bus.js";

/** Most gaps in one message, which then has some 60 kB. NATS servers take 1 MiB, unless an operator chose less. */
const gapsPerMessage = 500;

/** Encodes the gaps of the node `origin` into as many messages as they need. */
export function encodeGaps(origin: string, gaps: readonly BusGap[]): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let at = 0; at < gaps.length; at += gapsPerMessage) {
    const some = gaps.slice(at, at + gapsPerMessage).map(({ accountId = "", instanceId = "", from, until, missed }) =>
      create(BusGaps_GapSchema, {
        accountId,
        instanceId,
        from: BigInt(from),
        until: BigInt(until),
        ...(missed !== undefined && { missed: BigInt(missed) }),
      }),
    );
    messages.push(toBinary(BusGapsSchema, create(BusGapsSchema, { origin, gaps: some })));
  }
  return messages;
}

/** Throws for bytes that are no such message. */
export function decodeGaps(bytes: Uint8Array): { origin: string; gaps: BusGap[] } {
  const { origin, gaps } = fromBinary(BusGapsSchema, bytes);
  return { origin, gaps: gaps.map(toGap) };
}

function toGap({ accountId, instanceId, from, until, missed }: BusGaps_Gap): BusGap {
  return {
    reason: "bus_lost",
    from: Number(from),
    until: Number(until),
    ...(missed !== undefined && { missed: Number(missed) }),
    ...(accountId !== "" && { accountId }),
    ...(instanceId !== "" && { instanceId }),
  };
}

/** Encodes the question of the node `origin`, which may have missed messages for `awayMs` milliseconds. */
export function encodeQuestion(origin: string, awayMs: number): Uint8Array {
  return toBinary(BusGapsQuestionSchema, create(BusGapsQuestionSchema, { origin, awayMs: BigInt(awayMs) }));
}

/** Throws for bytes that are no such message. */
export function decodeQuestion(bytes: Uint8Array): { origin: string; awayMs: number } {
  const { origin, awayMs } = fromBinary(BusGapsQuestionSchema, bytes);
  return { origin, awayMs: Number(awayMs) };
}
